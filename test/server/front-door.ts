// A front door over canned actors, and for each route one request that it takes.

import { createHash } from "node:crypto";
import type { TheaterError } from "../../src/lib/errors.ts";
import { createApp } from "../../src/server/app.ts";
import type { Route } from "../../src/server/route.ts";
import { DIGEST, ID, MemoryActors, refAt } from "./memory-actors.ts";

export const TOKEN = "front-door-token-0123456789";

export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export interface FrontDoor {
  actors: MemoryActors;
  reported: TheaterError[];
  app: ReturnType<typeof createApp>;
  /** Sends with a valid token, unless `init` has another `authorization`. */
  ask: (path: string, init?: RequestInit) => Promise<Response>;
}

/** `configured` null: the variable is not there at all. `hosts`: ACTOR_HOSTS. */
export function frontDoor(configured: string | null = sha256Hex(TOKEN), hosts?: string): FrontDoor {
  const actors = new MemoryActors();
  const reported: TheaterError[] = [];
  const app = createApp(
    () => actors,
    (error) => reported.push(error),
  );
  const ctx = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  const env = {
    ...(configured === null ? {} : { THEATER_TOKEN_SHA256: configured }),
    ...(hosts === undefined ? {} : { ACTOR_HOSTS: hosts }),
  };
  return {
    actors,
    reported,
    app,
    async ask(path, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has("authorization")) headers.set("authorization", `Bearer ${TOKEN}`);
      return app.request(path, { ...init, headers }, env, ctx);
    },
  };
}

const VALUES = {
  id: ID,
  digest: DIGEST,
  seq: "1",
  cid: refAt(0).cid,
  turn: "1",
  store: "s",
  label: "l",
  tile: "0/000.p/1",
};

/** A path that the route serves, with the query that it must have. */
export function pathOf({ path }: Pick<Route, "path">): string {
  const filled = Object.entries(VALUES).reduce(
    (whole, [name, value]) => whole.replace(new RegExp(`:${name}(\\{[^}]*\\})?(?=/|$)`), value),
    path,
  );
  return filled.endsWith("/proof") ? `${filled}?seq=1` : filled;
}

/** The whole body, or of one that never ends the first piece. */
export async function textOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "text/event-stream") return await response.text();
  const reader = response.body?.getReader();
  const piece = await reader?.read();
  await reader?.cancel();
  return new TextDecoder().decode(piece?.value);
}

/** A request that the route takes. */
/** What a route takes whose path ends so. */
const EXAMPLES: readonly [ending: string, body: object][] = [
  ["/actors", { manifest: "" }],
  ["/payload", { reason: "asked" }],
  ["/erase", { seqs: [1], reason: "asked" }],
  ["/upgrade", { component: DIGEST }],
  ["/revert", { turns: 1, reason: "asked" }],
  ["/fork", { at: 3 }],
];

export function exampleOf(route: Route): [path: string, init: RequestInit] {
  const init: RequestInit = { method: route.method };
  if (route.path.endsWith("/channel")) init.headers = { upgrade: "websocket" };
  const [, example = { digest: DIGEST }] =
    EXAMPLES.find(([ending]) => route.path.endsWith(ending)) ?? [];
  if (route.body?.schema) init.body = JSON.stringify(example);
  else if (route.body) init.body = "bytes";
  return [pathOf(route), init];
}

export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  evidence?: Record<string, unknown>;
  event?: { seq: number; cid: string };
}

export async function problemIn(response: Response): Promise<ProblemBody> {
  return response.json();
}
