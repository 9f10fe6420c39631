// What a guest asks http-client to send, checked before anything leaves: a request that means one thing, to a
// granted origin, with a granted method.

import type { Value } from "../chain/value.ts";
import type { Effect } from "./handler.ts";
import { grantsUrl } from "./origin-pattern.ts";

/** The grant of `http-client`. What is absent allows nothing. */
export interface HttpGrant {
  /** Patterns of origins in their one spelling. */
  allowedHosts?: readonly string[];
  allowedMethods?: readonly string[];
  /** Of PUT and DELETE, those that may be repeated after a crash. */
  repeatableMethods?: readonly string[];
  /** Which secrets may go to which origins, by name. */
  secrets?: Readonly<Record<string, readonly string[]>>;
  maxRedirects?: number;
  timeoutMs?: number;
  maxRequestBytes?: number;
  maxResponseBytes?: number;
}

export const httpGrant = (grant: Value): HttpGrant => (grant ?? {}) as HttpGrant;

export interface OutgoingRequest {
  method: string;
  url: URL;
  headers: readonly (readonly [name: string, value: string])[];
  body: Uint8Array | null;
}

export const METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] as const;
/** Asking twice is asking once (RFC 9110 section 9.2.1). */
export const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

const URL_LENGTH_MAX = 8_192;
const HEADERS_MAX = 64;
const HEADER_LENGTH_MAX = 16 * 1024;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// Only what every server reads alike. A line break would start a header of its own.
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;
// oxlint-disable-next-line no-control-regex -- URL parsers drop some of them silently
const BLANK = /[\0-\x20\x7f]/;

/** The connection's own, and those that would say something else than what is sent. */
const REFUSED_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "via",
]);

interface GuestRequest {
  method: string;
  uri: string;
  headers: readonly (readonly [string, string])[];
  body: null | readonly [Uint8Array];
}

/** The request, or what is wrong with it. The argument has the WIT type `http-request`. */
export function readRequest(given: Value | undefined): OutgoingRequest | { problem: string } {
  const { method: named, uri, headers, body } = given as unknown as GuestRequest;
  const method = named.toUpperCase();
  if (!METHODS.some((each) => each === method)) {
    return { problem: `the method is one of ${METHODS.join(", ")}` };
  }
  if (body !== null && (method === "GET" || method === "HEAD")) {
    return { problem: `${method} takes no body` };
  }
  const problem = problemOfHeaders(headers);
  if (problem !== undefined) return { problem };
  const url = readUrl(uri);
  if ("problem" in url) return url;
  return { method, url, headers, body: body === null ? null : body[0] };
}

function problemOfHeaders(headers: GuestRequest["headers"]): string | undefined {
  if (headers.length > HEADERS_MAX) return `a request has at most ${HEADERS_MAX} headers`;
  const length = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (length > HEADER_LENGTH_MAX) return `all headers have at most ${HEADER_LENGTH_MAX} characters`;
  for (const [name, value] of headers) {
    if (!TOKEN.test(name)) return "a header's name is made of letters, digits and -";
    if (REFUSED_HEADERS.has(name.toLowerCase())) {
      return `the header ${name} is set by the host alone`;
    }
    if (!isFieldValue(value)) {
      return `the header ${name} holds other characters than printable ASCII`;
    }
  }
  return undefined;
}

export const isFieldValue = (value: string): boolean => FIELD_VALUE.test(value);

/** An absolute http or https URL that names its host in one way. */
export function readUrl(text: string, base?: URL): URL | { problem: string } {
  if (text.length > URL_LENGTH_MAX) {
    return { problem: `a URL has at most ${URL_LENGTH_MAX} characters` };
  }
  if (BLANK.test(text)) return { problem: "a URL has no blanks and no control characters" };
  const url = URL.parse(text, base);
  if (url === null) return { problem: "the URL is not absolute, or no URL" };
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return { problem: "the URL's scheme is http or https" };
  }
  if (url.username !== "" || url.password !== "") {
    return { problem: "a URL has no user and no password: send a header" };
  }
  if (url.hostname.endsWith(".")) return { problem: "a host's name does not end with a dot" };
  url.hash = "";
  return url;
}

/** Why the grant does not allow this method at this origin; undefined if it does. */
export function refusalOf(grant: HttpGrant, method: string, url: URL): string | undefined {
  if (grant.allowedHosts?.some((pattern) => grantsUrl(pattern, url)) !== true) {
    return `${url.origin} is not in allowed_hosts`;
  }
  return grant.allowedMethods?.includes(method) === true
    ? undefined
    : `${method} is not in allowed_methods`;
}

/** The secrets among `names` that may not go to this URL. */
export function secretsRefused(grant: HttpGrant, names: readonly string[], url: URL): string[] {
  return names.filter((name) => {
    const origins = Object.hasOwn(grant.secrets ?? {}, name) ? grant.secrets?.[name] : undefined;
    return origins?.some((pattern) => grantsUrl(pattern, url)) !== true;
  });
}

/** What may be done about a call that was cut off. What is refused happens nowhere but here. */
export function httpEffect(grantValue: Value, args: readonly Value[]): Effect {
  const grant = httpGrant(grantValue);
  const request = readRequest(args[0]);
  if ("problem" in request) return "local";
  const { method, url, headers } = request;
  if (refusalOf(grant, method, url) !== undefined) return "local";
  if (SAFE_METHODS.includes(method)) return "safe";
  const isKeyed = headers.some(([name, value]) => name.toLowerCase() === KEY && value !== "");
  return isKeyed || grant.repeatableMethods?.includes(method) === true ? "by-id" : "unsafe";
}

/** With it a server does once what it is asked twice. */
const KEY = "idempotency-key";
