// `theater/guest/http`: an actor that answers HTTP requests, from a function or from an application such as one
// of Hono. Each request is a turn of its own: the state that is in `env` when the response is there is the next.

import * as host from "theater:simple/http-framework";
import {
  type ActorExports,
  type BytesActor,
  codecOf,
  defineActor,
  type JsonActor,
} from "./actor.ts";
import { settled } from "./promises.ts";
import { GuestRequest, GuestResponse } from "./web/bodies.ts";

/** What a handler gets beside the request: in Hono, `c.env`. */
export interface HttpEnv<State> {
  /** Null where the actor has none yet. What is put here is the actor's state from then on. */
  state: State;
}

type Fetch<State> = (request: Request, env: HttpEnv<State>) => Response | Promise<Response>;

export interface HttpDefinition<State> {
  /**
   * Answers requests: a function, or what has it as `fetch`, as a Hono application does. It may be async; what
   * it waits for must happen within the turn. `request.url` begins where the actor's own paths begin. Where
   * it throws, the turn is refused and the state stays.
   */
  readonly http: Fetch<State> | { readonly fetch: Fetch<State> };
  /** WebSockets; without it the actor takes none. */
  readonly sockets?: SocketHandlers<State>;
}

/** A text message, or a binary one. */
export type SocketData = string | Uint8Array;
type Answers = SocketData | readonly SocketData[] | undefined | void;

/** Each is a turn of its own, and may be async as `http` may. What is in `env.state` at its end is the next state. */
export interface SocketHandlers<State> {
  /** Where they are opened, as of routes: `/live`, `/rooms/{name}`. They are made in `init`. */
  readonly paths: readonly string[];
  /**
   * A visitor wants a connection. `path` and `query` as they stand in the URL, the query without its question mark.
   * Where it throws, the visitor is refused with the error's message.
   */
  readonly open?: (
    connection: { readonly id: number; readonly path: string; readonly query: string | null },
    env: HttpEnv<State>,
  ) => void | Promise<void>;
  /** A message; what it returns goes back to the connection. `theater/guest/websockets` speaks to others. */
  readonly message?: (
    id: number,
    data: SocketData,
    env: HttpEnv<State>,
  ) => Answers | Promise<Answers>;
  /** A connection is gone, whoever ended it. */
  readonly close?: (id: number, env: HttpEnv<State>) => void | Promise<void>;
}

type Bytes = Uint8Array | null;

interface WitRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Bytes;
}

interface WitResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Bytes;
}

interface WitMessage {
  readonly ty: { readonly tag: string };
  readonly data: Bytes;
  readonly text: string | null;
}

type Id = number | bigint;

/** The exports of the component, by their names in WIT. */
export interface HttpActorExports extends ActorExports {
  readonly httpHandlers: {
    handleRequest(state: Bytes, params: readonly [Id, WitRequest]): [Bytes, [WitResponse]];
    handleMiddleware(
      state: Bytes,
      params: readonly [Id, WitRequest],
    ): [Bytes, [{ proceed: boolean; request: WitRequest }]];
    handleWebsocketConnect(state: Bytes, params: readonly [Id, Id, string, string | null]): [Bytes];
    handleWebsocketMessage(
      state: Bytes,
      params: readonly [Id, Id, WitMessage],
    ): [Bytes, [WitMessage[]]];
    handleWebsocketDisconnect(state: Bytes, params: readonly [Id, Id]): [Bytes];
  };
}

/**
 * Makes the exports of an actor that answers HTTP requests:
 * `export const { actor, httpHandlers } = defineHttpActor({ http: app })`, with what `defineActor` takes and
 * gives besides. It makes its server and its one route, for every path and method, in `init`.
 */
export function defineHttpActor(definition: BytesActor & HttpDefinition<Bytes>): HttpActorExports;
export function defineHttpActor<State>(
  definition: JsonActor<State> & HttpDefinition<State>,
): HttpActorExports;
export function defineHttpActor(
  definition: (BytesActor & HttpDefinition<Bytes>) | (JsonActor<unknown> & HttpDefinition<unknown>),
): HttpActorExports {
  const exports = defineActor(definition as JsonActor<unknown>);
  const { decode, encode } = codecOf(definition.state);
  const { http, sockets } = definition as HttpDefinition<unknown>;
  /** Calls a handler with the state, and gives the next beside what it returned. */
  const within = <R>(
    state: Bytes,
    handle: (env: HttpEnv<unknown>) => R | Promise<R> | undefined,
  ): [Bytes, R | undefined] => {
    const env: HttpEnv<unknown> = { state: decode(state) };
    const result = settled(handle(env)) as R | undefined;
    return [encode(env.state), result];
  };
  return {
    ...exports,
    actor: {
      init(state, params) {
        listen(sockets);
        return exports.actor.init(state, params);
      },
    },
    httpHandlers: {
      handleRequest(state, [, request]) {
        const env: HttpEnv<unknown> = { state: decode(state) };
        const asked = requestOf(request) as unknown as Request;
        const answer = typeof http === "function" ? http(asked, env) : http.fetch(asked, env);
        const response = settled(answer) as unknown as GuestResponse;
        return [encode(env.state), [fromResponse(response)]];
      },
      handleMiddleware: (state, [, request]) => [state, [{ proceed: true, request }]],
      handleWebsocketConnect(state, [, id, path, query]) {
        const connection = { id: Number(id), path, query };
        return [within(state, (env) => sockets?.open?.(connection, env))[0]];
      },
      handleWebsocketMessage(state, [, id, { data, text }]) {
        const said = data ?? text ?? "";
        const [next, answers] = within(state, (env) => sockets?.message?.(Number(id), said, env));
        return [next, [messagesOf(answers)]];
      },
      handleWebsocketDisconnect(state, [, id]) {
        return [within(state, (env) => sockets?.close?.(Number(id), env))[0]];
      },
    },
  };
}

function messagesOf(answers: Answers): WitMessage[] {
  if (answers === undefined) return [];
  const all = Array.isArray(answers) ? (answers as readonly SocketData[]) : [answers as SocketData];
  return all.map((each) =>
    typeof each === "string"
      ? { ty: { tag: "text" }, data: null, text: each }
      : { ty: { tag: "binary" }, data: each, text: null },
  );
}

/** One route for everything, since the application has routes of its own, and the paths of WebSockets. */
function listen(sockets: SocketHandlers<unknown> | undefined): void {
  const server = host.createServer({ port: null, host: null, tlsConfig: null });
  const handler = host.registerHandler("http");
  host.addRoute(server, "/*", "*", handler);
  const { paths = [], open, close } = sockets ?? {};
  const wanted = (given: unknown) => (given === undefined ? null : handler);
  for (const path of paths) {
    host.enableWebsocket(server, path, wanted(open), handler, wanted(close));
  }
  host.startServer(server);
}

function requestOf({ method, uri, headers, body }: WitRequest): GuestRequest {
  const valueOf = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1];
  const origin = `${valueOf("x-forwarded-proto") ?? "https"}://${valueOf("x-forwarded-host") ?? "actor"}`;
  return new GuestRequest(origin + uri, { method, headers, body });
}

function fromResponse(response: GuestResponse): WitResponse {
  if (response instanceof GuestResponse) {
    const { status, headers, body } = response;
    return { status, headers: [...headers], body };
  }
  throw new Error("the handler returned no Response: return new Response(…)");
}
