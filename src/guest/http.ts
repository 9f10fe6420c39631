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

type Id = number | bigint;

/** The exports of the component, by their names in WIT. */
export interface HttpActorExports extends ActorExports {
  readonly httpHandlers: {
    handleRequest(state: Bytes, params: readonly [Id, WitRequest]): [Bytes, [WitResponse]];
    handleMiddleware(
      state: Bytes,
      params: readonly [Id, WitRequest],
    ): [Bytes, [{ proceed: boolean; request: WitRequest }]];
    handleWebsocketConnect(state: Bytes): [Bytes];
    handleWebsocketMessage(state: Bytes): [Bytes, [[]]];
    handleWebsocketDisconnect(state: Bytes): [Bytes];
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
  const { http } = definition as HttpDefinition<unknown>;
  return {
    ...exports,
    actor: {
      init(state, params) {
        listen();
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
      handleWebsocketConnect: (state) => [state],
      handleWebsocketMessage: (state) => [state, [[]]],
      handleWebsocketDisconnect: (state) => [state],
    },
  };
}

/** One route for everything: the application has routes of its own. */
function listen(): void {
  const server = host.createServer({ port: null, host: null, tlsConfig: null });
  host.addRoute(server, "/*", "*", host.registerHandler("http"));
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
