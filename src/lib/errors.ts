// Every failure that Theater reports has one stable code. The HTTP edge (`server/problem.ts`) and the
// command line print the same code; nothing else decides by message text.

/** The stable codes, one line each: what happened and whose turn it is to act. */
export type ErrorCode =
  // Input that the sender can mend.
  | "bad-request" // the request is not of the form the route takes
  | "wrong-method" // the route does not take this HTTP method
  | "bad-manifest" // the manifest is not valid TOML, or a key or value in it is wrong
  | "bad-block" // bytes that are not a canonical block of the chain format
  | "not-wasm" // the bytes are not WebAssembly at all
  | "core-module" // a core module where a component is needed
  | "truncated-component" // the component ends in the middle of a section
  | "bad-component" // the component is malformed or uses a feature that is not supported
  | "unknown-import" // the component imports an interface or function that no handler provides
  | "missing-handler" // an interface of the component, or a message, needs a handler that its manifest lacks
  | "not-an-actor" // the component exports nothing that Theater could call
  | "transpile-failed" // jco refused the component, or its output is not of the expected form
  | "no-loader" // the deployment cannot load components: only those that are bundled with it run
  | "unsupported" // asked for something that this version does not do
  | "headers-too-large" // a request has too many headers, or too long ones
  | "uri-too-long" // a request's path and query are too long
  | "too-large" // a body, message, state or component is above its named limit
  | "key-reused" // an Idempotency-Key came back with another body
  // Access.
  | "unauthorized" // no token, or a wrong one
  | "forbidden" // the token's scope does not allow this
  | "too-deep" // the parent is on the lowest level that a tree may have
  | "not-granted" // a manifest asks for what its parent does not hold or does not pass on
  | "not-configured" // the server has no token configured and so answers nobody
  // State of the world.
  | "not-found" // no such route, actor, component or content
  | "erased" // what was asked for was in a payload that was erased
  | "wrong-state" // the actor is stopped, failed, or otherwise not in a state that allows this
  | "rehearsal-differs" // an upgrade would have made the past another one; accept that, or mend it
  | "busy" // a queue is full; try again later
  | "unavailable" // surely not admitted; try again after Retry-After
  | "outcome-unknown" // the connection to the actor broke: it may or may not have happened
  | "too-slow" // the deadline passed
  | "request-cycle" // the request would wait for a turn that waits for it
  // What the guest did.
  | "guest-error" // the guest answered with its own error
  | "guest-trap" // the guest trapped
  | "limit-exceeded" // the guest went over a limit
  | "host-failure" // the host failed while it served the guest
  | "bad-response" // the guest answered an HTTP request with what no response can be
  | "plugin-failed" // a plug-in in another Worker did not answer, or not in the form that it must
  // Evidence.
  | "chain-broken" // an event does not fit its predecessor, its hash, or its payload
  | "chain-gap" // the ledger lacks an event before this one
  | "chain-fork" // the ledger, or another actor, has seen another event at this position
  | "content-corrupt" // stored bytes do not have the digest that names them
  // Ours.
  | "internal"; // a broken invariant: please report it

/** An error with a stable code. `message` is one sentence that says what to do about it. */
export class TheaterError extends Error {
  readonly code: ErrorCode;
  /** Machine-readable evidence (positions, digests, names); plain JSON values only. */
  readonly evidence: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, evidence?: Record<string, unknown>) {
    super(message);
    this.name = "TheaterError";
    this.code = code;
    this.evidence = evidence;
  }
}

/** Turns whatever was thrown into an error with a code; the one place that does so. */
export function ensureTheaterError(thrown: unknown): TheaterError {
  if (thrown instanceof TheaterError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const error = new TheaterError("internal", message);
  if (thrown instanceof Error && thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}

/** Checks an invariant of ours. A failure is a bug, never a wrong input. */
export function assert(holds: boolean, invariant: string): asserts holds {
  if (!holds) throw new TheaterError("internal", `invariant broken: ${invariant}`);
}
