// Where a response sends a request next (RFC 9110 section 15.4), and what of it goes along. Rule: what was meant
// for one origin does not reach another because that one says so.

import { readUrl, type OutgoingRequest } from "./http-request.ts";

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Headers that say who is asking. */
const PERSONAL: ReadonlySet<string> = new Set(["authorization", "cookie"]);

export interface Redirection {
  status: number;
  location: string | null;
}

export function isRedirect({ status, location }: Redirection): boolean {
  return REDIRECTS.has(status) && location !== null;
}

/** The next request, or what is wrong with the Location. `holdsSecret`: whether a value has a placeholder in it. */
export function redirected(
  request: OutgoingRequest,
  { status, location }: Redirection,
  holdsSecret: (value: string) => boolean,
): OutgoingRequest | { problem: string } {
  const url = readUrl(location ?? "", request.url);
  if ("problem" in url) return url;
  const { method, body } = request;
  const becomesGet =
    (status === 303 && method !== "HEAD") ||
    ((status === 301 || status === 302) && method === "POST");
  const isElsewhere = url.origin !== request.url.origin;
  const headers = request.headers.filter(([name, value]) => {
    const lower = name.toLowerCase();
    if (becomesGet && lower.startsWith("content-")) return false;
    return !isElsewhere || !(PERSONAL.has(lower) || holdsSecret(value));
  });
  return { method: becomesGet ? "GET" : method, url, headers, body: becomesGet ? null : body };
}
