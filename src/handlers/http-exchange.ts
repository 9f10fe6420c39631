// One request and its response, over at most so many redirects. What goes out is filled with secrets here, and
// what comes back is freed of them, before the guest or the chain sees any of it.
//
// Invariant: no text that leaves this file was made from a filled request, and none is the platform's own: an
// error of `fetch` may quote a URL or a header.

import { concat } from "../lib/bytes.ts";
import {
  denied,
  failed,
  ok,
  type CallContext,
  type HandlerAnswer,
  type OutgoingInit,
} from "./handler.ts";
import { isRedirect, redirected } from "./http-redirect.ts";
import {
  isFieldValue,
  refusalOf,
  SAFE_METHODS,
  secretsRefused,
  type HttpGrant,
  type OutgoingRequest,
} from "./http-request.ts";
import { TooManySecrets, type Secrets, type Spelling } from "./secrets.ts";

/** Names and values of a response's headers together, in characters. */
const RESPONSE_HEADERS_MAX = 64 * 1024;

/** Thrown and caught in this file: how the exchange ends without a response. */
class Ended extends Error {
  readonly answer: HandlerAnswer;

  constructor(answer: HandlerAnswer) {
    super("ended");
    this.answer = answer;
  }
}

/** The first request must have been checked against the grant; every further one is checked here. */
export async function exchange(
  context: CallContext,
  grant: HttpGrant,
  request: OutgoingRequest,
): Promise<HandlerAnswer> {
  const { timeoutMs = 0 } = grant;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  const turnOver = context.turnOver();
  const onOver = (): void => abort.abort();
  turnOver.addEventListener("abort", onOver);
  try {
    if (turnOver.aborted) abort.abort();
    const response = await follow(context, grant, request, abort.signal);
    return ok(await answerOf(context.services.secrets, grant, request, response));
  } catch (thrown) {
    if (thrown instanceof Ended) return thrown.answer;
    if (thrown instanceof TooManySecrets) return failed("too-large: a body holds too many secrets");
    const unknown = SAFE_METHODS.includes(request.method)
      ? ""
      : "; whether the server has acted is unknown";
    return abort.signal.aborted
      ? failed(`timeout: no whole response within ${timeoutMs} ms (timeout_ms)${unknown}`)
      : failed(`no-response: the connection to ${request.url.origin} failed${unknown}`);
  } finally {
    clearTimeout(timer);
    turnOver.removeEventListener("abort", onOver);
    abort.abort(); // whatever of a body nobody wants any more
  }
}

/** The response that is no redirect, or the last one that may be followed. */
async function follow(
  { services }: CallContext,
  grant: HttpGrant,
  first: OutgoingRequest,
  signal: AbortSignal,
): Promise<Response> {
  const { secrets } = services;
  const { maxRedirects = 0 } = grant;
  let request = first;
  for (let hops = 0; ; hops++) {
    const response = await services.fetch(...filled(secrets, grant, request, hops === 0), signal);
    const redirection = { status: response.status, location: response.headers.get("location") };
    if (maxRedirects === 0 || !isRedirect(redirection)) return response;
    await response.body?.cancel();
    if (hops === maxRedirects) {
      throw new Ended(failed(`too-many-redirects: more than ${maxRedirects} (max_redirects)`));
    }
    const holdsSecret = (value: string): boolean => secrets.namesIn(value).length > 0;
    const next = redirected(request, redirection, holdsSecret);
    if ("problem" in next) throw new Ended(failed(`bad-redirect: ${next.problem}`));
    const refusal = refusalOf(grant, next.method, next.url);
    if (refusal !== undefined) throw new Ended(denied(`redirected: ${redact(secrets, refusal)}`));
    request = next;
  }
}

/**
 * With the secrets in their places. Throws where one may not go there. A URL that a server gave is taken as it is:
 * secrets go where the guest put them.
 */
function filled(
  secrets: Secrets,
  grant: HttpGrant,
  { method, url, headers, body }: OutgoingRequest,
  isGuestsUrl: boolean,
): [url: string, init: OutgoingInit] {
  const path = url.pathname + url.search;
  const texts = [...(isGuestsUrl ? [path] : []), ...headers.map(([, value]) => value)];
  const names = new Set([
    ...texts.flatMap((text) => secrets.namesIn(text)),
    ...(body === null ? [] : secrets.namesInBytes(body)),
  ]);
  const [refused] = secretsRefused(grant, [...names], url);
  if (refused !== undefined) {
    throw new Ended(denied(`the secret ${refused} may not go to ${url.origin}`));
  }
  const sent = new Headers();
  for (const [name, value] of headers) {
    const spelt = secrets.fill(value, "plain");
    if (!isFieldValue(spelt)) {
      throw new Ended(failed(`bad-secret: the secret in the header ${name} cannot stand in one`));
    }
    sent.append(name, spelt);
  }
  const spelling = spellingOf(sent.get("content-type"));
  const content = body === null ? null : secrets.fillBytes(body, spelling);
  return [
    url.origin + (isGuestsUrl ? secrets.fill(path, "url") : path),
    { method, headers: sent, body: content },
  ];
}

/** How a secret must be spelt to stay one value in a body of this type. */
function spellingOf(contentType: string | null): Spelling {
  const type = contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "application/x-www-form-urlencoded") return "url";
  return type === "application/json" || type.endsWith("+json") ? "json" : "plain";
}

const redact = (secrets: Secrets, text: string): string => secrets.redact(text, secrets.names);

async function answerOf(
  secrets: Secrets,
  { maxResponseBytes = 0 }: HttpGrant,
  { method }: OutgoingRequest,
  response: Response,
): Promise<{ status: number; headers: [string, string][]; body: null | [Uint8Array] }> {
  const { status } = response;
  const headers = headersOf(response).map(([name, value]): [string, string] => [
    redact(secrets, name),
    redact(secrets, value),
  ]);
  const length = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (length > RESPONSE_HEADERS_MAX) {
    const message = `too-large: the response's headers have more than ${RESPONSE_HEADERS_MAX} characters`;
    throw new Ended(failed(message));
  }
  if (method === "HEAD" || response.body === null) return { status, headers, body: null };
  const body = await readBody(response.body, maxResponseBytes);
  return { status, headers, body: [secrets.redactBytes(body, secrets.names)] };
}

/** The platform has undone these encodings: the body is what they held. */
const DECODED: ReadonlySet<string> = new Set(["gzip", "br"]);

function headersOf({ headers }: Response): [string, string][] {
  const isDecoded = DECODED.has(headers.get("content-encoding")?.toLowerCase() ?? "");
  const all: [string, string][] = [];
  for (const [name, value] of headers) {
    if (isDecoded && (name === "content-encoding" || name === "content-length")) continue;
    if (name !== "set-cookie") all.push([name, value.toWellFormed()]);
  }
  // The only header whose values cannot be joined by commas.
  for (const cookie of headers.getSetCookie()) all.push(["set-cookie", cookie.toWellFormed()]);
  return all;
}

async function readBody(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    length += part.length;
    if (length > bytesMax) {
      const message = `too-large: the response has more than ${bytesMax} bytes (max_response_bytes)`;
      throw new Ended(failed(message));
    }
    parts.push(part);
  }
  return concat(parts);
}
