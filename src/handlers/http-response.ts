// What a guest answers an HTTP request with, checked before it leaves: a response that means one thing, on a
// connection that stays the host's.

import type { Value } from "../chain/value.ts";
import { fromUtf8 } from "../lib/bytes.ts";

/** Headers of one response: how many, and characters of all together. */
const HEADERS_MAX = 128;
const HEADER_CHARS_MAX = 64 * 1024;
const STATUS_MIN = 200;
const STATUS_MAX = 599;
/** What a middleware ends a request with that says nothing more, as in the original. */
const FORBIDDEN = 403;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** A line break would begin a header of its own. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The connection's own, and what only the host may say. */
const DROPPED_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "theater-event",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Responses without a body, whatever the guest gave (RFC 9110 section 6.4.1). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

export interface GuestResponse {
  status: number;
  /** A name may come more than once. */
  headers: readonly (readonly [name: string, value: string])[];
  body: Uint8Array | null;
  /** Whether the guest asked for chunks, which have no length ahead. */
  isChunked: boolean;
}

interface Fields {
  status: number;
  headers: readonly (readonly [string, string])[];
  body: null | readonly [Uint8Array];
}

export interface GuestRequest {
  method: string;
  uri: string;
  headers: readonly (readonly [string, string])[];
  body: null | readonly [Uint8Array];
}

/** The response, or what is wrong with it. The argument has the WIT type `http-response`. */
export function readResponse(given: Value, bytesMax: number): GuestResponse | { problem: string } {
  const { status, headers, body } = given as unknown as Fields;
  if (status < STATUS_MIN || status > STATUS_MAX) {
    return { problem: `a status is ${STATUS_MIN} to ${STATUS_MAX}, not ${status}` };
  }
  if (headers.length > HEADERS_MAX) {
    return { problem: `a response has ${HEADERS_MAX} headers at most` };
  }
  const chars = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (chars > HEADER_CHARS_MAX) {
    return { problem: `all headers have ${HEADER_CHARS_MAX} characters at most` };
  }
  const bad = headers.find(([name, value]) => !TOKEN.test(name) || !FIELD_VALUE.test(value));
  if (bad !== undefined) {
    return {
      problem: `the header ${JSON.stringify(bad[0].slice(0, 64))} has characters that none can have`,
    };
  }
  const bytes = body === null || BODILESS.has(status) ? null : body[0];
  if (bytes !== null && bytes.length > bytesMax) {
    return { problem: `the body has ${bytes.length} bytes; max_response_bytes is ${bytesMax}` };
  }
  const kept = headers.filter(([given]) => {
    const name = given.toLowerCase();
    // Without a body it may be the answer to HEAD, which says how long the body of a GET is.
    return !DROPPED_HEADERS.has(name) && (name !== "content-length" || bytes === null);
  });
  return { status, headers: kept, body: bytes, isChunked: headers.some(isChunked) };
}

const isChunked = ([name, value]: readonly [string, string]): boolean =>
  name.toLowerCase() === "transfer-encoding" && value.toLowerCase() === "chunked";

export interface MiddlewareResult {
  proceed: boolean;
  request: GuestRequest;
}

/**
 * Of a text in a request, as UTF-8: a longer one would be in the chain by reference, and nothing there says any
 * more that it was a text.
 */
const TEXT_BYTES_MAX = 64 * 1024;

/** What is wrong with a request that a middleware hands on; undefined if it can go on. */
export function problemOfRequest({ method, uri, headers }: GuestRequest): string | undefined {
  // The length in units first: it says enough of nearly all.
  const isLong = (text: string): boolean =>
    text.length * 3 > TEXT_BYTES_MAX && fromUtf8(text).length > TEXT_BYTES_MAX;
  return [method, uri, ...headers.flat()].some(isLong)
    ? `a method, path or header has ${TEXT_BYTES_MAX} bytes at most`
    : undefined;
}

/**
 * What a middleware that ends a request answers: WIT gives it only a request to return, so a method of three
 * digits is a status, with that request's headers and body as the response's. Any other is a bare 403.
 */
export function responseOf({ request }: MiddlewareResult): Value {
  const { method, headers, body } = request;
  return /^[2-5][0-9]{2}$/.test(method)
    ? { status: Number(method), headers, body }
    : { status: FORBIDDEN, headers: [], body: null };
}
