// The actors' own HTTP routes. Closed by default like the rest: whoever has no token is answered only by an
// actor whose manifest says `public = true`, and never below /v1.

import { TheaterError } from "../lib/errors.ts";
import type { Actors } from "../runtime/actors.ts";
import type { Answer, HttpInput, SiteRef } from "../runtime/protocol.ts";
import { authenticate } from "./auth.ts";
import { readHandshake, upgradeResponse, type Handshake } from "./handshake.ts";
import { idempotencyKey, readBody } from "./input.ts";
import {
  HTTP_BODY_BYTES_MAX,
  HTTP_HEADER_CHARS_MAX,
  HTTP_HEADERS_MAX,
  HTTP_URI_CHARS_MAX,
} from "./limits.ts";
import { problem, valueOf, wrongMethod } from "./problem.ts";
import type { SiteAddress } from "./site-address.ts";
import { siteResponse } from "./site-response.ts";

/** The principal of whoever has no token. */
const PUBLIC = "public";
/** They change nothing by themselves, so there is nothing to do once. */
const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** `tokens`: see `authenticate`. Throws what the front door shows as a problem. */
export async function serveSite(
  request: Request,
  address: SiteAddress,
  { actors, tokens }: { actors: Actors; tokens: string | undefined },
): Promise<Response> {
  const handshake = readHandshake(request);
  const { principal, refusal } = principalOf(handshake, tokens);
  if (refusal !== null && address.needsToken) throw refusal;
  const site = await siteOf(address, actors, { refusal, anew: false });
  const url = new URL(request.url);
  if (address.path === "") return toFolder(url);
  const ask = { site, findAnew: () => siteOf(address, actors, { refusal, anew: true }) };
  const head = readHead(handshake.headers, url, { address, principal });
  if (handshake.isUpgrade) {
    const opened = await askSite(ask, (id) => actors.openSocket(id, head));
    return opened.ok ? upgradeResponse(opened.value, handshake, address) : problem(opened.error);
  }
  const input = { ...head, ...(await readRest(request, principal)) };
  const answer = await askSite(ask, (id) => actors.http(id, input));
  if (answer.ok) return siteResponse(answer.value, request.method, address);
  const { code, evidence } = answer.error;
  const allow = evidence?.["allow"];
  if (code !== "wrong-method" || !Array.isArray(allow)) return problem(answer.error);
  const methods = allow.map(String);
  if (request.method !== "OPTIONS") return wrongMethod(methods);
  return new Response(null, { status: 204, headers: { allow: methods.join(", ") } });
}

function principalOf(
  { authorization }: Handshake,
  tokens: string | undefined,
): { principal: string; refusal: TheaterError | null } {
  try {
    return { principal: authenticate(authorization, tokens), refusal: null };
  } catch (thrown) {
    const isOther = !(thrown instanceof TheaterError) || thrown.code !== "unauthorized";
    if (isOther) throw thrown;
    return { principal: PUBLIC, refusal: thrown };
  }
}

/** What was remembered of a name may be old: an actor that is down may have lost it to another. */
async function askSite<T>(
  { site, findAnew }: { site: SiteRef; findAnew: () => Promise<SiteRef> },
  ask: (id: string) => Promise<Answer<T>>,
): Promise<Answer<T>> {
  const answer = await ask(site.id);
  if (answer.ok || answer.error.code !== "wrong-state") return answer;
  const { id } = await findAnew();
  return id === site.id ? answer : await ask(id);
}

/** Without a token nobody learns which names there are. */
async function siteOf(
  { named, needsToken }: SiteAddress,
  actors: Actors,
  { refusal, anew }: { refusal: TheaterError | null; anew: boolean },
): Promise<SiteRef> {
  if (named === "") {
    throw (
      refusal ?? new TheaterError("not-found", "There is no such actor: a name is a-z, 0-9, -.")
    );
  }
  if (needsToken) return { id: named, isPublic: false };
  const answer = await actors.site(named, anew);
  if (!answer.ok && answer.error.code === "not-found" && refusal !== null) throw refusal;
  const site = valueOf(answer);
  if (refusal !== null && !site.isPublic) throw refusal;
  return site;
}

/** So that what is relative in the actor's pages stays below its name. */
function toFolder({ pathname, search }: URL): Response {
  return new Response(null, { status: 308, headers: { location: `${pathname}/${search}` } });
}

type Head = Pick<HttpInput, "path" | "query" | "headers" | "forwarded" | "principal">;

/** What of a request comes before its body. */
function readHead(
  given: readonly (readonly [string, string])[],
  { host, protocol, search }: URL,
  { address, principal }: { address: SiteAddress; principal: string },
): Head {
  const { path, prefix } = address;
  if (path.length + search.length > HTTP_URI_CHARS_MAX) {
    const message = `Path and query have ${HTTP_URI_CHARS_MAX} characters at most: send a body.`;
    throw new TheaterError("uri-too-long", message, { limit: HTTP_URI_CHARS_MAX });
  }
  const headers = given.filter(
    // The server's own token is not for actors.
    ([name]) => name !== "authorization" || principal === PUBLIC,
  );
  const chars = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (headers.length > HTTP_HEADERS_MAX || chars > HTTP_HEADER_CHARS_MAX) {
    const message = `A request has ${HTTP_HEADERS_MAX} headers and ${HTTP_HEADER_CHARS_MAX} characters in them at most: send less.`;
    throw new TheaterError("headers-too-large", message);
  }
  const forwarded = { host, proto: protocol.slice(0, -1), prefix };
  return { path, query: search, headers, forwarded, principal };
}

async function readRest(request: Request, principal: string): Promise<Omit<HttpInput, keyof Head>> {
  const isSafe = SAFE_METHODS.includes(request.method);
  const idempotency = isSafe ? undefined : idempotencyKey({ request, principal });
  return {
    method: request.method,
    body: await readBody(request, { name: "body", bytesMax: HTTP_BODY_BYTES_MAX }),
    ...(idempotency === undefined ? {} : { idempotency }),
  };
}
