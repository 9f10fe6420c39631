// What an actor serves over HTTP: its servers, handlers, routes and middlewares, as a table that the functions
// of http-framework change. A turn changes a draft; the runtime makes it real with the commit.
//
// Invariants: an id is given once and never again; what a server had goes with it; two routes of one server
// never fit the same paths with the same method.

import { err, ok, type HandlerAnswer } from "./handler.ts";
import { parsePattern, shapeOf } from "./route-pattern.ts";

/** Servers, handlers, routes, middlewares and WebSocket paths of one actor. */
const SITE_ENTRIES_MAX = 1_000;
/** Of one server: each that fits is a turn of its own before the route's. */
const MIDDLEWARES_MAX = 16;
const NAME_CHARS_MAX = 256;
const HOST_CHARS_MAX = 253;
/** Nothing listens on it: what is asked for is given back, and this where nothing is. */
const PORT_DEFAULT = 443;
const HOST_DEFAULT = "0.0.0.0";

const METHOD = /^[A-Z][A-Z0-9_-]{0,31}$/;
/** The name of a route's method for all of them, in the two spellings that people write. */
const ANY = ["*", "ANY"];

export type SiteEntry =
  | {
      readonly kind: "server";
      readonly host: string;
      readonly port: number;
      readonly running: boolean;
    }
  | { readonly kind: "handler"; readonly name: string }
  | {
      readonly kind: "route";
      readonly server: number;
      readonly path: string;
      /** In capitals; `*` for all. */
      readonly method: string;
      readonly handler: number;
    }
  | {
      readonly kind: "middleware";
      readonly server: number;
      readonly path: string;
      readonly handler: number;
    }
  | {
      readonly kind: "websocket";
      readonly server: number;
      readonly path: string;
      readonly connect: number | null;
      readonly message: number;
      readonly disconnect: number | null;
    };

type Entry<K extends SiteEntry["kind"]> = Extract<SiteEntry, { kind: K }>;

export interface SiteTable {
  /** By id, in the order in which they were made. */
  readonly entries: ReadonlyMap<number, SiteEntry>;
  /** The id that comes next. */
  readonly next: number;
}

export const EMPTY_SITE: SiteTable = { entries: new Map(), next: 1 };

export class Site implements SiteTable {
  readonly #entries: Map<number, SiteEntry>;
  #next: number;

  constructor({ entries, next }: SiteTable) {
    this.#entries = new Map(entries);
    this.#next = next;
  }

  get entries(): ReadonlyMap<number, SiteEntry> {
    return this.#entries;
  }

  get next(): number {
    return this.#next;
  }

  createServer(host: string | null, port: number | null): HandlerAnswer {
    if ((host ?? "").length > HOST_CHARS_MAX) {
      return err(`bad-server: a host has at most ${HOST_CHARS_MAX} characters`);
    }
    const address = { host: host ?? HOST_DEFAULT, port: port || PORT_DEFAULT };
    return this.#add({ kind: "server", ...address, running: false });
  }

  serverInfo(id: number): HandlerAnswer {
    const server = this.#find("server", id);
    if (server === undefined) return unknown("server", id);
    const { host, port, running } = server;
    const count = (kind: SiteEntry["kind"]): number => this.#of(id, kind).length;
    const counts = { "routes-count": count("route"), "middleware-count": count("middleware") };
    const sockets = { "websocket-enabled": count("websocket") > 0 };
    return ok({ id, port, host, running, ...counts, ...sockets });
  }

  /** Whether requests reach the routes of the server. Gives its port where it runs. */
  setRunning(id: number, running: boolean): HandlerAnswer {
    const server = this.#find("server", id);
    if (server === undefined) return unknown("server", id);
    if (server.running === running) {
      return err(`wrong-state: the server ${id} is ${running ? "running" : "stopped"} already`);
    }
    this.#entries.set(id, { ...server, running });
    return ok(running ? server.port : null);
  }

  destroyServer(id: number): HandlerAnswer {
    if (this.#find("server", id) === undefined) return unknown("server", id);
    const own = [...this.#entries].filter(([, entry]) => "server" in entry && entry.server === id);
    for (const [each] of own) this.#entries.delete(each);
    this.#entries.delete(id);
    return ok(null);
  }

  registerHandler(name: string): HandlerAnswer {
    if (name.length > NAME_CHARS_MAX) {
      return err(`bad-handler: a name has at most ${NAME_CHARS_MAX} characters`);
    }
    return this.#add({ kind: "handler", name });
  }

  addRoute(route: Omit<Entry<"route">, "kind">): HandlerAnswer {
    const { server, path, handler } = route;
    const problem = this.#problemOf(server, path, [handler]);
    if (problem !== undefined) return problem;
    const named = route.method.toUpperCase();
    const method = ANY.includes(named) ? "*" : named;
    if (method !== "*" && !METHOD.test(method)) {
      return err("bad-route: a method has letters, at most 32, or is * for all of them");
    }
    const shape = shapeAt(path);
    const isThere = this.#of(server, "route").some(
      (each) => each.method === method && shapeAt(each.path) === shape,
    );
    if (isThere) return err(`bad-route: the server has a route for ${method} ${path} already`);
    return this.#add({ kind: "route", server, path, method, handler });
  }

  addMiddleware(middleware: Omit<Entry<"middleware">, "kind">): HandlerAnswer {
    const { server, path, handler } = middleware;
    const problem = this.#problemOf(server, path, [handler]);
    if (problem !== undefined) return problem;
    if (this.#of(server, "middleware").length >= MIDDLEWARES_MAX) {
      return err(`too-many: a server has at most ${MIDDLEWARES_MAX} middlewares`);
    }
    return this.#add({ kind: "middleware", server, path, handler });
  }

  remove(kind: "route" | "middleware", id: number): HandlerAnswer {
    if (this.#find(kind, id) === undefined) return unknown(kind, id);
    this.#entries.delete(id);
    return ok(null);
  }

  /** A path that is one already gets the new handlers. */
  enableWebsocket(socket: Omit<Entry<"websocket">, "kind">): HandlerAnswer {
    const { server, path, connect, message, disconnect } = socket;
    const handlers = [connect, message, disconnect].filter((id) => id !== null);
    const problem = this.#problemOf(server, path, handlers);
    if (problem !== undefined) return problem;
    const earlier = [...this.#entries].find(
      ([, each]) => each.kind === "websocket" && each.server === server && each.path === path,
    );
    if (earlier !== undefined) this.#entries.delete(earlier[0]);
    const added = this.#add({ kind: "websocket", ...socket });
    return "ok" in (added.result as object) ? ok(null) : added;
  }

  #problemOf(server: number, path: string, handlers: readonly number[]): HandlerAnswer | undefined {
    if (this.#find("server", server) === undefined) return unknown("server", server);
    const missing = handlers.find((id) => this.#find("handler", id) === undefined);
    if (missing !== undefined) return unknown("handler", missing);
    const pattern = parsePattern(path);
    return "problem" in pattern ? err(`bad-route: ${pattern.problem}`) : undefined;
  }

  #add(entry: SiteEntry): HandlerAnswer {
    if (this.#entries.size >= SITE_ENTRIES_MAX) {
      return err(`too-many: an actor has at most ${SITE_ENTRIES_MAX} servers, handlers and routes`);
    }
    const id = this.#next++;
    this.#entries.set(id, entry);
    return ok(id);
  }

  #find<K extends SiteEntry["kind"]>(kind: K, id: number): Entry<K> | undefined {
    const entry = this.#entries.get(id);
    return entry?.kind === kind ? (entry as Entry<K>) : undefined;
  }

  #of<K extends SiteEntry["kind"]>(server: number, kind: K): Entry<K>[] {
    return [...this.#entries.values()].filter(
      (entry): entry is Entry<K> =>
        entry.kind === kind && "server" in entry && entry.server === server,
    );
  }
}

/** Of a path that was checked. */
function shapeAt(path: string): string {
  const pattern = parsePattern(path);
  return "problem" in pattern ? path : shapeOf(pattern);
}

const unknown = (kind: string, id: number): HandlerAnswer =>
  err(`not-found: there is no ${kind} ${id}`);
