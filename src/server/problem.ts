// Failures as HTTP answers (RFC 9457). Rule: nothing else knows which status a code has.

import { TheaterError, ensureTheaterError } from "../lib/errors.ts";
import type { ErrorCode } from "../lib/errors.ts";
import type { Answer, EventRef, Refusal } from "../runtime/protocol.ts";

export interface ProblemKind {
  status: number;
  title: string;
  /** Only where the same request may pass later. */
  retryAfterSeconds?: number;
}

export const PROBLEM_KINDS: Readonly<Record<ErrorCode, ProblemKind>> = {
  "wrong-method": { status: 405, title: "The route does not take this method" },
  "bad-request": { status: 400, title: "The request is not of the form this route takes" },
  "bad-manifest": { status: 422, title: "The manifest is not valid" },
  "bad-block": { status: 422, title: "The bytes are not a block of the chain format" },
  "not-wasm": { status: 422, title: "The bytes are not WebAssembly" },
  "core-module": { status: 422, title: "A core module, not a component" },
  "truncated-component": { status: 422, title: "The component is truncated" },
  "bad-component": { status: 422, title: "The component is malformed or not supported" },
  "unknown-import": { status: 422, title: "The component imports what no handler provides" },
  "missing-handler": { status: 422, title: "The manifest lacks a handler that this needs" },
  "not-an-actor": { status: 422, title: "The component exports nothing to call" },
  "transpile-failed": { status: 422, title: "The component cannot be transpiled" },
  "no-loader": { status: 501, title: "The deployment cannot load components" },
  unsupported: { status: 501, title: "Not served by this version" },
  "too-large": { status: 413, title: "Above a size limit" },
  "headers-too-large": { status: 431, title: "The request's headers are too large" },
  "uri-too-long": { status: 414, title: "The path and query are too long" },
  "key-reused": { status: 422, title: "The idempotency key came with another body before" },
  unauthorized: { status: 401, title: "No valid token" },
  forbidden: { status: 403, title: "The token's scope does not allow this" },
  "too-deep": { status: 409, title: "The tree has no level left for another child" },
  "not-granted": { status: 403, title: "The parent cannot give what the manifest asks for" },
  "not-configured": { status: 503, title: "The server has no token", retryAfterSeconds: 60 },
  "not-found": { status: 404, title: "Not found" },
  erased: { status: 410, title: "It was erased" },
  "wrong-state": { status: 409, title: "The actor's status does not allow this" },
  "rehearsal-differs": { status: 409, title: "The component would have done something else" },
  busy: { status: 429, title: "A queue is full", retryAfterSeconds: 1 },
  unavailable: { status: 503, title: "Surely not admitted", retryAfterSeconds: 1 },
  "outcome-unknown": { status: 502, title: "It may or may not have happened" },
  "too-slow": { status: 504, title: "The deadline passed" },
  "request-cycle": { status: 409, title: "The request would wait for itself" },
  "guest-error": { status: 422, title: "The actor answered with an error" },
  "guest-trap": { status: 500, title: "The actor trapped" },
  "limit-exceeded": { status: 500, title: "The actor went over a limit" },
  "host-failure": { status: 500, title: "The host failed while it served the actor" },
  "bad-response": { status: 502, title: "The actor's response is none" },
  "plugin-failed": { status: 502, title: "A plug-in cannot be used" },
  "chain-broken": { status: 500, title: "The chain is broken" },
  "chain-gap": { status: 500, title: "The ledger lacks events" },
  "chain-fork": { status: 500, title: "The ledger holds another event at this position" },
  "content-corrupt": { status: 500, title: "Stored bytes do not match their digest" },
  internal: { status: 500, title: "A bug in the server" },
};

/** Where the open document describes a code: what `type` in a problem says. */
export function problemType(code: ErrorCode): string {
  return `/v1/openapi.json#/components/responses/${code}`;
}

export function problem(refusal: Refusal): Response {
  const { status, title, retryAfterSeconds } = PROBLEM_KINDS[refusal.code];
  const headers = new Headers();
  if (retryAfterSeconds !== undefined) headers.set("retry-after", String(retryAfterSeconds));
  if (status === 401) headers.set("www-authenticate", 'Bearer realm="theater"');
  return render(refusal, { status, title, headers });
}

/** There is no code of its own for it: the request is wrong, and `Allow` says what would be right. */
export function wrongMethod(allow: readonly string[]): Response {
  const message = `This route takes ${allow.join(", ")}.`;
  return render(
    { code: "wrong-method", message, evidence: { allow } },
    { ...PROBLEM_KINDS["wrong-method"], headers: new Headers({ allow: allow.join(", ") }) },
  );
}

/**
 * A thrown error as an answer. The text of one that is not ours may hold anything (SQL, addresses), so
 * it goes to `report` only.
 */
export function problemOf(thrown: unknown, report: (error: TheaterError) => void): Response {
  const error = ensureTheaterError(thrown);
  if (error.code === "internal") report(error);
  const message =
    error === thrown ? error.message : "The server failed unexpectedly: its log says more.";
  const { code, evidence } = error;
  return problem(
    evidence === undefined ? { code, message } : { code, message, evidence: { ...evidence } },
  );
}

/** Shows the value of an answer, or its refusal as a problem. */
export function respond<T>(answer: Answer<T>, show: (value: T) => Response): Response {
  return answer.ok ? show(answer.value) : problem(answer.error);
}

/** For places where the status line has left already: a refusal can only end what was begun. */
export function valueOf<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw new TheaterError(answer.error.code, answer.error.message, answer.error.evidence);
}

/** The header that says where the chain records what was answered. */
export function eventHeader(event: EventRef): { "theater-event": string } {
  return { "theater-event": `${event.seq}:${event.cid}` };
}

function render(
  refusal: Refusal,
  kind: { status: number; title: string; headers: Headers },
): Response {
  const { code, message, evidence, event } = refusal;
  kind.headers.set("content-type", "application/problem+json");
  if (event !== undefined) kind.headers.set("theater-event", eventHeader(event)["theater-event"]);
  const body = {
    type: problemType(code),
    title: kind.title,
    status: kind.status,
    code,
    detail: message,
    // A member of its own: evidence has names like `status` that would hide the members above.
    ...(evidence === undefined ? {} : { evidence }),
    ...(event === undefined ? {} : { event: { seq: event.seq, cid: event.cid } }),
  };
  return new Response(JSON.stringify(body), { status: kind.status, headers: kind.headers });
}
