// Which handlers a request goes to: the middlewares above its path, oldest first, and then its route.
//
// Rule: of the servers that run, the oldest with a route that fits serves the request. What no route fits is
// answered without a turn, so a middleware sees only what leads somewhere.

import type { SiteEntry, SiteTable } from "./http-site.ts";
import { below, compareSpecificity, match, parsePattern, segmentsOf } from "./route-pattern.ts";

export type Plan =
  | {
      readonly found: true;
      /** The handlers of the middlewares, in order, and the route's last. */
      readonly handlers: readonly number[];
      readonly parameters: readonly (readonly [name: string, value: string])[];
    }
  /** Methods that the path takes; empty where no route fits it. */
  | { readonly found: false; readonly allow: readonly string[] };

type Route = Extract<SiteEntry, { kind: "route" }>;

interface Fit {
  route: Route;
  pattern: Exclude<ReturnType<typeof parsePattern>, { problem: string }>;
  parameters: readonly (readonly [string, string])[];
}

/** `path` is as it stands in the URL, without the query. */
export function planOf({ entries }: SiteTable, method: string, path: string): Plan {
  const segments = segmentsOf(path);
  if (segments === undefined) return { found: false, allow: [] };
  const all = [...entries];
  const allow = new Set<string>();
  for (const [server, entry] of all) {
    if (entry.kind !== "server" || !entry.running) continue;
    const fits = all.flatMap(([, each]) =>
      each.kind === "route" && each.server === server ? fitOf(each, segments) : [],
    );
    const best = bestOf(fits, method);
    if (best !== undefined) {
      const { route, parameters } = best;
      return {
        found: true,
        handlers: [...above(all, server, segments), route.handler],
        parameters,
      };
    }
    for (const { route } of fits) allow.add(route.method);
  }
  if (allow.has("GET")) allow.add("HEAD");
  if (allow.size > 0) allow.add("OPTIONS");
  return { found: false, allow: [...allow].sort() };
}

/** Where a WebSocket of a path leads. */
export interface SocketPlan {
  server: number;
  entry: WebsocketPath;
  /** Handlers of the middlewares above it, oldest first. */
  middlewares: readonly number[];
  /** Of the path, decoded. */
  parameters: readonly (readonly [name: string, value: string])[];
}

export type WebsocketPath = Extract<SiteEntry, { kind: "websocket" }>;

/** Of the servers that run, the oldest with a path that fits; of its paths the most specific. */
export function socketPlanOf({ entries }: SiteTable, path: string): SocketPlan | undefined {
  const segments = segmentsOf(path);
  if (segments === undefined) return undefined;
  const all = [...entries];
  for (const [server, running] of all) {
    if (running.kind !== "server" || !running.running) continue;
    const fits = all.flatMap(([, entry]) => {
      if (entry.kind !== "websocket" || entry.server !== server) return [];
      const pattern = parsePattern(entry.path);
      const parameters = "problem" in pattern ? undefined : match(pattern, segments);
      if ("problem" in pattern || parameters === undefined) return [];
      return [{ entry, pattern, parameters }];
    });
    const [best] = fits.toSorted((one, other) => compareSpecificity(one.pattern, other.pattern));
    if (best === undefined) continue;
    const { entry, parameters } = best;
    return { server, entry, middlewares: above(all, server, segments), parameters };
  }
  return undefined;
}

/** What a server that runs does with the connections of one of its paths, written as it was enabled. */
export function websocketPath(
  { entries }: SiteTable,
  { server, path }: { server: number; path: string },
): WebsocketPath | undefined {
  const running = entries.get(server);
  if (running?.kind !== "server" || !running.running) return undefined;
  for (const entry of entries.values()) {
    const fits = entry.kind === "websocket" && entry.server === server && entry.path === path;
    if (fits) return entry;
  }
  return undefined;
}

/** Whether a path fits one of these patterns. */
export function fitsOne(patterns: readonly string[], path: string): boolean {
  const segments = patterns.length === 0 ? undefined : segmentsOf(path);
  if (segments === undefined) return false;
  return patterns.some((each) => {
    const pattern = parsePattern(each);
    return !("problem" in pattern) && match(pattern, segments) !== undefined;
  });
}

function fitOf(route: Route, segments: readonly string[]): Fit[] {
  const pattern = parsePattern(route.path);
  if ("problem" in pattern) return [];
  const parameters = match(pattern, segments);
  return parameters === undefined ? [] : [{ route, pattern, parameters }];
}

/** A method's own route before one for all methods, but the more specific path before either. */
function bestOf(fits: readonly Fit[], method: string): Fit | undefined {
  const wanted = fits.filter(({ route }) => speaks(route.method, method) < NOT);
  return wanted.toSorted(
    (one, other) =>
      compareSpecificity(one.pattern, other.pattern) ||
      speaks(one.route.method, method) - speaks(other.route.method, method),
  )[0];
}

const NOT = 3;

/** How well a route's method fits: a GET answers HEAD where nothing closer does (RFC 9110 section 9.3.2). */
function speaks(own: string, method: string): number {
  if (own === method) return 0;
  if (own === "GET" && method === "HEAD") return 1;
  return own === "*" ? 2 : NOT;
}

function above(
  all: readonly (readonly [number, SiteEntry])[],
  server: number,
  segments: readonly string[],
): number[] {
  return all.flatMap(([, entry]) => {
    if (entry.kind !== "middleware" || entry.server !== server) return [];
    const pattern = parsePattern(entry.path);
    const fits = !("problem" in pattern) && match(below(pattern), segments) !== undefined;
    return fits ? [entry.handler] : [];
  });
}
