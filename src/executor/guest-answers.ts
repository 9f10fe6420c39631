// What comes out of a guest's isolate, checked before the host looks at it. The isolate runs code made
// from untrusted bytes: should that code ever get out of the hands of jco and the recorder, it can lie
// within the types below, and nothing more.

import { RpcTarget } from "cloudflare:workers";
import type { Value } from "../chain/value.ts";
import { TheaterError } from "../lib/errors.ts";
import type { HostAnswer, HostCall, TurnHost, TurnOutcome, TurnOutput } from "./executor.ts";
import { CALL_BYTES_MAX, RETURNED_BYTES_MAX } from "./recorder.ts";
import type { ScriptedCall, ScriptedOutput } from "./script.ts";

/** As deep as a block of the chain may be. */
const DEPTH_MAX = 64;
/** A failure's message is for people and is not recorded. */
const MESSAGE_CHARS_MAX = 1_000;
/** The recorder's own limits end an honest turn before these do. */
const BYTES_MAX = CALL_BYTES_MAX + RETURNED_BYTES_MAX + 1024 * 1024;
/** Bytes that a value counts for besides its content; it bounds how many there are. */
const OVERHEAD_BYTES = 8;

const OUTCOMES: ReadonlySet<unknown> = new Set<HostCall["outcome"]>([
  "returned",
  "denied",
  "failed",
]);
const FAILURES: ReadonlySet<unknown> = new Set(["trap", "host", "limit", "cut"]);
/** A failure's code is recorded: a word of ours, never data. */
const CODE = /^[a-z][a-z-]{0,39}$/;

export interface GuestLimits {
  hostCallsMax: number;
  isPure: (about: string) => boolean;
}

/** The only object of the host that a guest's isolate holds. Each public method of a target is exposed, so
 * there is this one. */
class GuestDoor extends RpcTarget implements TurnHost {
  readonly #host: TurnHost;
  readonly #check: GuestCheck;

  constructor(host: TurnHost, check: GuestCheck) {
    super();
    this.#host = host;
    this.#check = check;
  }

  async call(about: unknown, args: unknown, answered: unknown): Promise<HostAnswer> {
    try {
      const before = this.#check.calls(answered);
      const call = this.#check.call(about, args);
      return await this.#host.call(call.about, call.args, before);
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      return { abort: { kind: "host", code: "host-call", message } };
    }
  }
}

/** Checks what one turn's isolate says, and counts over the whole turn. */
export class GuestCheck {
  readonly #isPure: (about: string) => boolean;
  #callsLeft: number;
  #bytesLeft = BYTES_MAX;
  #over = false;
  #calledHost = false;

  constructor({ hostCallsMax, isPure }: GuestLimits) {
    this.#callsLeft = hostCallsMax;
    this.#isPure = isPure;
  }

  door(host: TurnHost): TurnHost {
    return new GuestDoor(host, this);
  }

  /** Whether the guest has reached the host: then running it again could repeat what it did. */
  get calledHost(): boolean {
    return this.#calledHost;
  }

  /** The isolate has answered, or broken: its door stays shut, whoever kept it. */
  close(): void {
    this.#over = true;
  }

  /** What the isolate's answer says. Throws `host-failure` for what no honest isolate says. */
  output(given: unknown): TurnOutput {
    const { outcome, answered } = record(given);
    return { outcome: this.#outcome(outcome), answered: this.calls(answered) };
  }

  /** As `output`, for a turn that ran by a script. */
  scripted(given: unknown): ScriptedOutput {
    const { outcome, calls } = record(given);
    if (!Array.isArray(calls)) throw lie("a list of calls that is none");
    const checked = calls.map((entry: unknown): ScriptedCall => {
      const { about, args, outcome: own } = record(entry);
      return own === undefined ? this.#call(about, args) : this.#answered(entry);
    });
    return { outcome: this.#outcome(outcome), calls: checked };
  }

  call(about: unknown, args: unknown): { about: string; args: Value[] } {
    this.#calledHost = true;
    if (this.#over) throw lie("a call after the turn");
    return this.#call(about, args);
  }

  #call(about: unknown, args: unknown): { about: string; args: Value[] } {
    if (--this.#callsLeft < 0) throw lie("more calls than a turn has");
    if (typeof about !== "string" || !Array.isArray(args)) throw lie("a call of no function");
    this.#value(args, 0);
    return { about, args: args as Value[] };
  }

  calls(given: unknown): HostCall[] {
    if (!Array.isArray(given)) throw lie("a list of calls that is none");
    return given.map((entry: unknown) => this.#answered(entry));
  }

  #answered(entry: unknown): HostCall {
    const { about, args, outcome, result } = record(entry);
    const call = this.#call(about, args);
    if (!this.#isPure(call.about)) throw lie("a call that the isolate cannot answer");
    if (!OUTCOMES.has(outcome)) throw lie("a call without an outcome");
    const checked = outcome as HostCall["outcome"];
    return { ...call, outcome: checked, result: this.#value(result, 0) };
  }

  #outcome(given: unknown): TurnOutcome {
    const { kind, value, error, failure, code, message } = record(given);
    if (kind === "returned") return { kind, value: this.#value(value, 0) };
    if (kind === "refused") return { kind, error: this.#value(error, 0) };
    if (kind !== "failed" || !FAILURES.has(failure)) throw lie("an outcome of no kind");
    if (typeof code !== "string" || !CODE.test(code)) throw lie("a failure without a code");
    const text = typeof message === "string" ? message.slice(0, MESSAGE_CHARS_MAX) : code;
    const checked = failure as Extract<TurnOutcome, { kind: "failed" }>["failure"];
    return { kind, failure: checked, code, message: text };
  }

  /** A value of the chain, small and flat enough, without stubs or objects of any class. */
  #value(given: unknown, depth: number): Value {
    if (depth > DEPTH_MAX) throw lie("a value that is too deep");
    this.#spend(sizeOf(given));
    if (Array.isArray(given)) {
      for (const part of given) this.#value(part, depth + 1);
    } else if (isPlain(given)) {
      for (const [key, part] of Object.entries(given)) {
        this.#spend(key.length);
        this.#value(part, depth + 1);
      }
    } else if (!isScalar(given)) {
      throw lie("a value that no WIT type has");
    }
    return given as Value;
  }

  #spend(bytes: number): void {
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft < 0) throw lie("more bytes than a turn has");
  }
}

function record(given: unknown): Record<string, unknown> {
  if (isPlain(given)) return given;
  throw lie("something that is no record");
}

function sizeOf(given: unknown): number {
  const isSized = typeof given === "string" || given instanceof Uint8Array;
  return OVERHEAD_BYTES + (isSized ? given.length : 0);
}

function isScalar(given: unknown): boolean {
  if (given === null || given instanceof Uint8Array) return true;
  return ["boolean", "number", "bigint", "string"].includes(typeof given);
}

function isPlain(given: unknown): given is Record<string, unknown> {
  if (typeof given !== "object" || given === null) return false;
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === Object.prototype || prototype === null;
}

function lie(what: string): TheaterError {
  return new TheaterError("host-failure", `The isolate gave ${what}: upload the component again.`);
}
