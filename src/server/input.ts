// What comes in with a request: query, headers, body. Rule: nothing is buffered beyond its limit, and a
// refusal names the part that is wrong.

import { z } from "zod";
import { concat, toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import type { IdempotencyKey } from "../runtime/protocol.ts";
import { IDEMPOTENCY_KEY_CHARS_MAX } from "./limits.ts";
import type { Call } from "./route.ts";

export interface BodyLimit {
  /** What the body is, as the refusal says it: "message", "component"… */
  name: string;
  bytesMax: number;
}

/** A query parameter that is a whole number in decimal digits. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const toNumber = (text: unknown): unknown =>
    typeof text === "string" && /^[0-9]{1,16}$/.test(text) ? Number(text) : text;
  return z.preprocess(
    toNumber,
    z
      .int({ error: `expected a whole number from ${min} to ${max}` })
      .min(min)
      .max(max),
  );
}

/** A query parameter that is a moment: milliseconds since 1970, or a date or time of ISO 8601 with its zone. */
export function moment(): z.ZodType<number> {
  const toNumber = (text: unknown): unknown => {
    if (typeof text !== "string") return text;
    return /^[0-9]{1,16}$/.test(text)
      ? Number(text)
      : ISO_8601.test(text)
        ? Date.parse(text)
        : text;
  };
  const error = "expected milliseconds since 1970, or a time like 2026-11-22T10:00:00Z";
  return z.preprocess(toNumber, z.int({ error }).min(0, { error }));
}

/** A time without a zone would be the server's own. */
const ISO_8601 = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Reads the parameters that `schema` names, the first of each; arrays take all. Others are ignored. */
export function readQuery<S extends z.ZodObject>(call: Call, schema: S): z.output<S> {
  const { searchParams } = new URL(call.request.url);
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(schema.shape)) {
    const values = searchParams.getAll(name);
    if (values.length > 0) given[name] = isList(schema.shape[name]) ? values : values[0];
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const parameter = String(parsed.error.issues[0]?.path[0]);
  throw new TheaterError(
    "bad-request",
    `Query parameter \`${parameter}\`: ${reason(parsed.error)}.`,
    { parameter },
  );
}

export function isList(schema: unknown): boolean {
  return (
    schema instanceof z.ZodArray || (schema instanceof z.ZodDefault && isList(schema.unwrap()))
  );
}

/** Reads a JSON body. Keys that `schema` does not have are errors where it is strict. */
export async function readJson<S extends z.ZodType>(
  call: Call,
  schema: S,
  limit: BodyLimit,
): Promise<z.output<S>> {
  return jsonBody(await readBody(call.request, limit), schema);
}

/** A body that was read already. */
export function jsonBody<S extends z.ZodType>(bytes: Uint8Array, schema: S): z.output<S> {
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new TheaterError(
    "bad-request",
    `The body${path === "" ? "" : `'s \`${path}\``}: ${reason(parsed.error)}.`,
    { path },
  );
}

/** `__proto__` is a key like any other in JSON, and one that objects and schemas lose on the way. */
function refuseProto(key: string, value: unknown): unknown {
  if (key !== "__proto__") return value;
  throw new TheaterError("bad-request", "The body has a key `__proto__`: leave it out.");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(toUtf8(bytes), refuseProto);
  } catch (thrown) {
    if (thrown instanceof TheaterError) throw thrown;
    throw new TheaterError("bad-request", "The body must be JSON in UTF-8.");
  }
}

function reason(error: z.ZodError): string {
  return error.issues[0]?.message ?? "not valid";
}

/**
 * The body, whole. A content-length above the limit is refused before the first byte; one that lies, or
 * is absent, as soon as the bytes read pass the limit.
 */
export async function readBody(request: Request, limit: BodyLimit): Promise<Uint8Array> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > limit.bytesMax) throw tooLarge(limit);
  if (request.body === null) return new Uint8Array();
  const isSaid = Number.isInteger(announced) && announced > 0 && announced < PIECE_BYTES;
  const reader = readerOf(request.body, isSaid ? announced : PIECE_BYTES);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (value !== undefined && value.length > 0) {
      length += value.length;
      if (length > limit.bytesMax) {
        await reader.cancel();
        throw tooLarge(limit);
      }
      parts.push(value);
    }
    // With a length that was said, all is there without asking for the end: a crossing less (20 µs, 2026-11-23).
    if (done || (isSaid && length === announced)) return concat(parts);
  }
}

/** What a body is read in, unless its header says that it has less. */
const PIECE_BYTES = 256 * 1024;

interface BodyReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/**
 * Reads pieces of `bytes` where the stream can do that, because by itself it gives 4 KiB at a time: 20 ms for 1.7 MB, where
 * this takes 8 (measured on workerd 1.20261102, 2026-11-23).
 */
function readerOf(body: ReadableStream<Uint8Array>, bytes: number): BodyReader {
  const canSay = "ReadableStreamBYOBReader" in globalThis;
  if (!canSay || !("readAtLeast" in ReadableStreamBYOBReader.prototype)) return body.getReader();
  const reader = byteReader(body);
  if (reader === undefined) return body.getReader();
  return {
    read: () => reader.readAtLeast(bytes, new Uint8Array(bytes)),
    cancel: () => reader.cancel(),
  };
}

/** Undefined for a stream that another Worker made in JavaScript: it gives whatever pieces it likes. */
function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}

function brokenOff(): never {
  throw new TheaterError("bad-request", "The body broke off before its end: send it again.");
}

export function tooLarge({ name, bytesMax }: BodyLimit): TheaterError {
  return new TheaterError(
    "too-large",
    `The ${name} may have at most ${bytesMax} bytes: send less.`,
    {
      limit: name,
      bytesMax,
    },
  );
}

/** Undefined without the header. Visible ASCII only, so that the key means the same on every hop. */
export function idempotencyKey(
  call: Pick<Call, "request" | "principal">,
): IdempotencyKey | undefined {
  const key = call.request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= IDEMPOTENCY_KEY_CHARS_MAX) {
    return { principal: call.principal, key };
  }
  throw new TheaterError(
    "bad-request",
    `Idempotency-Key must be 1 to ${IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters.`,
    { header: "idempotency-key" },
  );
}
