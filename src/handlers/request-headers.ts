// The headers of a request as an actor gets them, and so as its chain keeps them for ever. What lets somebody in
// elsewhere is hashed with a key of the actor's own: it can be compared, and not used. Who asks from where is
// left out.

import { sha256 } from "../chain/hash.ts";
import { concat, fromUtf8, toHex } from "../lib/bytes.ts";
import type { HttpFrameworkGrant } from "./http-framework.ts";

export type Headers = readonly (readonly [name: string, value: string])[];

/** Hashed, unless the manifest says otherwise. Names are in lower case. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "x-api-key",
  "x-auth-token",
  "cf-access-client-secret",
  "cf-access-jwt-assertion",
]);

/** The connection's own, and where a request came from: a chain is no place for addresses of visitors. */
const DROPPED_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "forwarded",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "true-client-ip",
  "upgrade",
  "x-real-ip",
]);
const DROPPED = /^(?:cf-|x-forwarded-|x-route-param-|mf-)/;

/** In front of the name of a parameter of the path. */
export const PARAMETER = "X-Route-Param-";
const HASH = "hash.";
const HASH_BYTES = 16;

/** `salt` is the actor's own, and not public. */
export function headersFor(
  given: Headers,
  { salt, secretHeaders = [], clearHeaders = [] }: HttpFrameworkGrant & { salt: Uint8Array },
): [string, string][] {
  const isSecret = (name: string): boolean =>
    (SECRET_HEADERS.has(name) && !clearHeaders.includes(name)) || secretHeaders.includes(name);
  return given.flatMap(([spelt, value]): [string, string][] => {
    const name = spelt.toLowerCase();
    if (isSecret(name)) return [[name, hashed(name, value, salt)]];
    return DROPPED_HEADERS.has(name) || DROPPED.test(name) ? [] : [[name, value]];
  });
}

/** Of cookies the names stay, and of credentials the scheme: what a program goes by. */
function hashed(name: string, value: string, salt: Uint8Array): string {
  const hash = (text: string): string => {
    const key = concat([fromUtf8("theater header"), salt, fromUtf8(text)]);
    return `${HASH}${toHex(sha256(key).subarray(0, HASH_BYTES))}`;
  };
  if (name === "cookie") {
    const pairs = value.split(";").map((pair) => {
      const at = pair.indexOf("=");
      return at < 0
        ? hash(pair.trim())
        : `${pair.slice(0, at).trim()}=${hash(pair.slice(at + 1).trim())}`;
    });
    return pairs.join("; ");
  }
  const [, scheme, credentials] = /^([A-Za-z][A-Za-z0-9-]*) +(\S.*)$/.exec(value) ?? [];
  if (!name.endsWith("authorization") || credentials === undefined) return hash(value);
  return `${scheme ?? ""} ${hash(credentials)}`;
}
