// Which actor a request for somebody's own HTTP routes is for, and where its routes begin: below
// /v1/actors/<id>/http, below /a/<name>, or, for a host of its own, at the root.

import { isActorId } from "../chain/actor-id.ts";
import { TheaterError } from "../lib/errors.ts";
import { SITE_NAME } from "./limits.ts";

export interface SiteAddress {
  /** A public name or an id. */
  named: string;
  /** Whether it takes a token whatever the actor's manifest says: it is a route of the API. */
  needsToken: boolean;
  /** What the path has in front of the actor's own; empty on a host of its own. */
  prefix: string;
  /** The actor's own, as it stands in the URL; empty where not even its slash is there. */
  path: string;
}

const OF_ACTOR = /^\/v1\/actors\/([^/]+)\/http(\/.*)?$/;
const OF_NAME = /^\/a\/([^/]+)(\/.*)?$/;

/** Undefined for a path of the API's own. `hosts`: the variable ACTOR_HOSTS. */
export function siteAddress(url: URL, hosts: string | undefined): SiteAddress | undefined {
  const { hostname, pathname } = url;
  const named = hostsOf(hosts).get(hostname);
  if (named !== undefined) return { named, needsToken: false, prefix: "", path: pathname };
  for (const [pattern, needsToken] of [[OF_ACTOR, true] as const, [OF_NAME, false] as const]) {
    const [, name = "", path = ""] = pattern.exec(pathname) ?? [];
    if (name === "") continue;
    const prefix = pathname.slice(0, pathname.length - path.length);
    // A name of another form names nothing; with a token it is told so.
    const isName = needsToken ? isActorId(name) : SITE_NAME.test(name);
    return { named: isName ? name : "", needsToken, prefix, path };
  }
  return undefined;
}

/** The newest reading: it is the same for every request of a deployment. */
let read: { text: string; hosts: ReadonlyMap<string, string> } = { text: "", hosts: new Map() };

const HOST = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * `host=name` or `host=id`, separated by blanks or commas. One entry of another form closes the server: a host
 * that silently led to the API instead of its actor would be worse.
 */
function hostsOf(text = ""): ReadonlyMap<string, string> {
  if (read.text === text) return read.hosts;
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== "");
  const hosts = entries.map((entry) => {
    const [host = "", named = "", ...more] = entry.toLowerCase().split("=");
    const isNamed = isActorId(named) || SITE_NAME.test(named);
    if (HOST.test(host) && isNamed && more.length === 0) return [host, named] as const;
    const message = `ACTOR_HOSTS: ${JSON.stringify(entry)} is not host=name or host=id: mend it.`;
    throw new TheaterError("not-configured", message);
  });
  read = { text, hosts: new Map(hosts) };
  return read.hosts;
}
