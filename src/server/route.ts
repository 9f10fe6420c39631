// One route: what it takes, what it answers and what serves it. The tables of routes are the single
// source for the router and for the OpenAPI document.

import type { z } from "zod";
import { isActorId } from "../chain/actor-id.ts";
import { parseDigest } from "../chain/cid.ts";
import type { ErrorCode } from "../lib/errors.ts";
import type { Actors } from "../runtime/actors.ts";
import { NAME_CHARS_MAX } from "./limits.ts";

/** A request that has passed the front door. */
export interface Call {
  request: Request;
  actors: Actors;
  /** "token:<8 hex digits>", or empty where the route is open. */
  principal: string;
  /** A segment of the path, decoded and such that it can name something. */
  param: (name: PathParameter) => string;
}

export interface Body {
  description: string;
  mediaType: string;
  bytesMax: number;
  schema?: z.ZodType;
  /** Whether the query can say the same. */
  optional?: true;
}

export interface Success {
  status: number;
  description: string;
  /** Media type → schema; null = any bytes of that type. Absent = no body. */
  content?: Readonly<Record<string, z.ZodType | null>>;
  /** Whether the answer carries `Theater-Event`. */
  event?: true;
}

export interface Route {
  method: "GET" | "PUT" | "POST" | "DELETE";
  /** With `:name` for each path parameter; `:name{regex}` where the router must tell two routes apart. */
  path: string;
  /** Served without a token. */
  open?: true;
  /** Honours `Idempotency-Key`. */
  idempotent?: true;
  summary: string;
  query?: z.ZodObject;
  body?: Body;
  success: readonly Success[];
  /** Codes beyond those that every route can answer. */
  refusals: readonly ErrorCode[];
  serve: (call: Call) => Promise<Response>;
}

export interface PathParameterKind {
  description: string;
  names: (text: string) => boolean;
}

export type PathParameter = "id" | "digest" | "seq" | "turn" | "cid" | "store" | "label" | "tile";

const isName = (text: string): boolean => text.length > 0 && text.length <= NAME_CHARS_MAX;

/** A segment of another form names nothing, so it is not found; the runtime is not asked. */
export const PATH_PARAMETERS: Readonly<Record<PathParameter, PathParameterKind>> = {
  id: { description: "An actor's id: 32 characters, a–z and 2–7.", names: isActorId },
  digest: {
    description: "A component's digest: `sha256:` and 64 hex digits.",
    names: (text) => parseDigest(text) !== undefined,
  },
  seq: {
    description: "A position in the chain, from 0.",
    names: (text) => /^[0-9]{1,15}$/.test(text),
  },
  turn: { description: "A turn's number, from 1.", names: (text) => /^[0-9]{1,15}$/.test(text) },
  cid: {
    description: "A CIDv1 in base32: 59 characters.",
    names: (text) => /^b[a-z2-7]{58}$/.test(text),
  },
  tile: {
    description: "A tile's path, as C2SP tlog-tiles spells it.",
    names: (text) => text.length <= TILE_PATH_CHARS_MAX,
  },
  store: { description: "A store's name.", names: isName },
  label: { description: "A label; a `/` in it is sent as `%2F`.", names: isName },
};

/** The longest path of a tile has a level, six groups and a width. */
const TILE_PATH_CHARS_MAX = 48;

function isPathParameter(name: string): name is PathParameter {
  return Object.hasOwn(PATH_PARAMETERS, name);
}

/** The names in a route's path, in order. */
export function pathParameters(path: string): PathParameter[] {
  return [...path.matchAll(/:([a-z]+)/g)].flatMap(([, name = ""]) =>
    isPathParameter(name) ? [name] : [],
  );
}

export function json(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  return { "application/json": schema };
}

/** Bytes that no part of ours looks into. */
export const RAW = { "application/octet-stream": null } as const;
