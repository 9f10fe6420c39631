// `theater:simple/http-framework`: the actor's own HTTP routes. What a turn changes is real with its commit, so
// every function is local. Ports, hosts and TLS are taken and given back: at the edge nothing listens for one
// actor, and TLS ends before it.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import type { Handler, HandlerAnswer, HostFunction, Services } from "./handler.ts";
import type { Site } from "./http-site.ts";
import { parsePattern } from "./route-pattern.ts";
import { both, common, either, least, narrowing, nested } from "./narrow.ts";
import { HTTP_STREAM, streamFunctions } from "./http-stream.ts";
import { socketFunctions, WEBSOCKETS } from "./websockets.ts";

const FRAMEWORK = "theater:simple/http-framework";

const MiB = 1024 * 1024;
/** Of a body that comes in, where the manifest is silent, and at most: it crosses RPC, which carries 32 MiB. */
const REQUEST_BYTES_DEFAULT = 10 * MiB;
const REQUEST_BYTES_MAX = 16 * MiB;
/** Of one that goes out: with the new state, an export returns 10 MiB at most. */
const RESPONSE_BYTES_MAX = 10_000_000;
const READ_ONLY_MAX = 64;
const STREAM_MAX = 64;
const HEADER_NAMES_MAX = 32;
const ORIGINS_MAX = 64;
/** Every origin. */
const ANY = "*";
const ORIGIN_CHARS_MAX = 256;
const KEEPALIVE_CHARS_MAX = 64;

/** As it stands in a URL. */
const SITE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HEADER_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** What is absent allows nothing. */
export interface HttpFrameworkGrant {
  /** Under which `/a/<name>/` leads here: none or one. */
  publicName?: readonly string[];
  /** Whether everybody may ask, without a token. */
  public?: boolean;
  maxRequestBytes?: number;
  maxResponseBytes?: number;
  /** Paths as of routes: a GET of what fits one of them changes nothing. */
  readOnly?: readonly string[];
  /** Paths as of routes whose response leaves while its turn runs. */
  stream?: readonly string[];
  /** Whether all requests go to the one function of a standard component. No key of the manifest. */
  catchAll?: boolean;
  /** In lower case: headers of requests that are hashed besides the usual ones. */
  secretHeaders?: readonly string[];
  /** Of pages that may open WebSockets; `*`: all. */
  origins?: readonly string[];
  /** Texts that clients send to hear whether the connection is there: each is answered with the same, by the host. */
  keepalive?: readonly string[];
  /** In lower case: of the usual ones, those that are passed on and recorded as they are. */
  clearHeaders?: readonly string[];
}

export const siteGrant = (grant: Value | undefined): HttpFrameworkGrant =>
  (grant ?? {}) as HttpFrameworkGrant;

const headerNames = z
  .array(z.string().toLowerCase().regex(HEADER_NAME, "a header's name has letters, digits and -"))
  .max(HEADER_NAMES_MAX)
  .default([]);

const routePath = z.string().check(({ value, issues }) => {
  const pattern = parsePattern(value);
  if ("problem" in pattern) {
    issues.push({ code: "custom", message: pattern.problem, input: value });
  }
});

const config = z
  .strictObject({
    public_name: z
      .string()
      .regex(SITE_NAME, "a public name has up to 63 small letters, digits and - between them")
      .optional(),
    public: z.boolean().default(false),
    max_request_bytes: z.int().positive().max(REQUEST_BYTES_MAX).default(REQUEST_BYTES_DEFAULT),
    max_response_bytes: z.int().positive().max(RESPONSE_BYTES_MAX).default(RESPONSE_BYTES_MAX),
    read_only: z.array(routePath).max(READ_ONLY_MAX).default([]),
    stream: z.array(routePath).max(STREAM_MAX).default([]),
    secret_headers: headerNames,
    clear_headers: headerNames,
    origins: z.array(z.string().min(1).max(ORIGIN_CHARS_MAX)).max(ORIGINS_MAX).default([ANY]),
    keepalive: z.string().min(1).max(KEEPALIVE_CHARS_MAX).optional(),
  })
  .transform((table) => ({
    publicName: table.public_name === undefined ? [] : [table.public_name],
    public: table.public,
    maxRequestBytes: table.max_request_bytes,
    maxResponseBytes: table.max_response_bytes,
    readOnly: table.read_only,
    stream: table.stream,
    secretHeaders: table.secret_headers,
    clearHeaders: table.clear_headers,
    origins: table.origins,
    keepalive: table.keepalive === undefined ? [] : [table.keepalive],
  }));

type Operation = (site: Site, args: readonly Value[]) => HandlerAnswer;

function local(operation: Operation): HostFunction {
  const on = ({ site }: Services, args: readonly Value[]): HandlerAnswer => operation(site, args);
  return {
    effect: "local",
    call: ({ services }, args) => Promise.resolve(on(services, args)),
    // In a turn that goes on: the table changes with commits only, so it makes the same again.
    again: ({ services }, args) => {
      on(services, args);
      return Promise.resolve();
    },
  };
}

interface ServerConfig {
  port: null | readonly [number];
  host: null | readonly [string];
}

const id = (value: Value | undefined): number => Number(value);
const text = (value: Value | undefined): string => value as string;
const optional = (value: Value | undefined): number | null =>
  value == null ? null : Number((value as readonly Value[])[0]);

export const httpFramework: Handler = {
  type: "http-framework",
  may: "answer HTTP requests",
  imports: [FRAMEWORK, WEBSOCKETS, HTTP_STREAM],
  exports: ["theater:simple/http-handlers"],
  config,
  narrow: narrowing({
    publicName: common,
    public: both,
    maxRequestBytes: least,
    maxResponseBytes: least,
    readOnly: either,
    stream: common,
    secretHeaders: either,
    clearHeaders: common,
    origins: nested((outer, inner) => outer === ANY || outer === inner),
    keepalive: common,
  }),
  pure: {},
  functions: {
    [`${FRAMEWORK}#create-server`]: local((site, [given]) => {
      const { host, port } = given as unknown as ServerConfig;
      return site.createServer(host?.[0] ?? null, port?.[0] ?? null);
    }),
    [`${FRAMEWORK}#get-server-info`]: local((site, [server]) => site.serverInfo(id(server))),
    [`${FRAMEWORK}#start-server`]: local((site, [server]) => site.setRunning(id(server), true)),
    [`${FRAMEWORK}#stop-server`]: local((site, [server]) => site.setRunning(id(server), false)),
    [`${FRAMEWORK}#destroy-server`]: local((site, [server]) => site.destroyServer(id(server))),
    [`${FRAMEWORK}#register-handler`]: local((site, [name]) => site.registerHandler(text(name))),
    [`${FRAMEWORK}#add-route`]: local((site, [server, path, method, handler]) =>
      site.addRoute({
        server: id(server),
        path: text(path),
        method: text(method),
        handler: id(handler),
      }),
    ),
    [`${FRAMEWORK}#remove-route`]: local((site, [route]) => site.remove("route", id(route))),
    [`${FRAMEWORK}#add-middleware`]: local((site, [server, path, handler]) =>
      site.addMiddleware({ server: id(server), path: text(path), handler: id(handler) }),
    ),
    [`${FRAMEWORK}#remove-middleware`]: local((site, [middleware]) =>
      site.remove("middleware", id(middleware)),
    ),
    [`${FRAMEWORK}#enable-websocket`]: local((site, [server, path, connect, message, disconnect]) =>
      site.enableWebsocket({
        server: id(server),
        path: text(path),
        connect: optional(connect),
        message: id(message),
        disconnect: optional(disconnect),
      }),
    ),
    ...socketFunctions,
    ...streamFunctions,
  },
};
