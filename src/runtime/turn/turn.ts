// One turn: one exported function called once for one message, committed or closed as a whole.
//
// Invariants: a turn ends with exactly one of turn.committed, turn.refused, turn.failed; what it did to
// the actor becomes real in that one transaction or not at all; nothing of it acts after its end.

import type { Failure } from "../../chain/event-types.ts";
import type { Value } from "../../chain/value.ts";
import {
  HOST_CALLS_MAX,
  type HostCall,
  type TurnOutcome,
  type TurnOutput,
} from "../../executor/executor.ts";
import { INIT, isReadOnly } from "../../handlers/exports.ts";
import { checkOutcome } from "../../handlers/signatures.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { Divergence } from "../../replay/transcript.ts";
import { describeSent } from "../../handlers/sent.ts";
import type { Draft } from "../record/journal.ts";
import type { EventRef } from "../protocol.ts";
import { readOnly, TurnDoor } from "./turn-door.ts";
import type { Interrupted, Message, TurnParts, TurnRecord } from "./turn-parts.ts";

/** The recorded end of a turn. */
export type TurnEnd = { event: EventRef } & (
  | { kind: "committed"; result: Value }
  | { kind: "refused"; error: Value }
  /** `message` is for people; it is not recorded. */
  | { kind: "failed"; failure: Failure; code: string; message: string }
);

/** Of a turn that changes nothing and runs beside others of that kind: its place among them. */
export interface Beside {
  turn: number;
  /** The clock of all of them, ms since the epoch. */
  time: number;
  /** The end of the one before: they end in their order. */
  after: Promise<unknown>;
}

export class Turn {
  readonly #parts: TurnParts;
  readonly #message: Message;
  readonly #door: TurnDoor;
  #cut: ((outcome: TurnOutcome) => void) | undefined;

  readonly #interrupted: Interrupted | undefined;
  readonly #beside: Beside | undefined;

  /** `interrupted`: the turn was begun before and goes on; then the message is in the chain already. */
  constructor(
    parts: TurnParts,
    message: Message,
    { interrupted, beside }: { interrupted?: Interrupted | undefined; beside?: Beside } = {},
  ) {
    this.#parts = parts;
    this.#message = message;
    this.#interrupted = interrupted;
    this.#beside = beside;
    const turn = interrupted?.turn ?? beside?.turn ?? parts.journal.lastTurn() + 1;
    this.#door = new TurnDoor(parts, message, turn, interrupted);
  }

  /** Ends the turn from outside. What it flushed stays; the rest is as if it had not been. */
  cut(code: string): void {
    this.#cut?.({ kind: "failed", failure: "cut", code, message: `the turn was cut off: ${code}` });
  }

  /** Throws only if nothing could be recorded. */
  async run(): Promise<TurnEnd> {
    const { journal } = this.#parts;
    const beside = this.#beside;
    const time = beside?.time ?? this.#interrupted?.time ?? journal.nowMs();
    if (beside === undefined) journal.frozenMs = time;
    try {
      const output = await this.#execute(time);
      await beside?.after;
      this.#door.close();
      return await this.#end(output);
    } finally {
      this.#door.close();
      if (beside === undefined) journal.frozenMs = undefined;
    }
  }

  async #execute(time: number): Promise<TurnOutput> {
    const { cell, executor, modules, pureGrants } = this.#parts;
    const { about, params, seed, deadlineMs } = this.#message;
    const state: Value = cell.state === null ? null : [cell.state];
    const args = about === INIT ? params : [state, params];
    const input = {
      about,
      params: args,
      time,
      turn: this.#door.turn,
      seed,
      grants: pureGrants,
      hostCallsMax: HOST_CALLS_MAX,
      readOnly: isReadOnly(this.#message.kind),
    };
    const running = executor
      .run(modules, input, this.#door.stub())
      .then((output) => {
        // The isolate runs code made from untrusted bytes: what it answers may have any form.
        if (output.outcome.kind !== "failed") checkOutcome(about, output.outcome);
        return output;
      })
      .catch((thrown: unknown): TurnOutput => {
        const message = thrown instanceof Error ? thrown.message : String(thrown);
        return {
          outcome: { kind: "failed", failure: "host", code: "isolate", message },
          answered: [],
        };
      });
    const cut = new Promise<TurnOutput>((resolve) => {
      this.#cut = (outcome) => resolve({ outcome, answered: [] });
    });
    const { endsMs } = this.#door;
    const code = endsMs === deadlineMs ? "deadline" : "turn-ms";
    const timer = setTimeout(() => this.cut(code), Math.max(0, endsMs - Date.now()));
    try {
      return await Promise.race([running, cut]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #end({ outcome, answered }: TurnOutput): Promise<TurnEnd> {
    this.#door.checkWritten();
    try {
      const calls = this.#door.unwritten(answered);
      const divergence = this.#door.divergenceAt(outcome);
      if (divergence !== undefined) return await this.#fail(diverged(divergence), []);
      const end = outcome.kind === "returned" ? this.#checkState(outcome.value) : outcome;
      if (end.kind === "returned") return await this.#commit(end.value, calls);
      if (end.kind === "refused") return await this.#refuse(end.error, calls);
      return await this.#fail(end, calls);
    } catch (thrown) {
      // What the guest made does not fit into an event: its fault, and nothing of it was recorded.
      if (!(thrown instanceof TheaterError)) throw thrown;
      const { code, message } = thrown;
      if (code === "host-failure") {
        return await this.#fail({ failure: "host", code: "isolate", message }, []);
      }
      if (!UNRECORDABLE.has(code)) throw thrown;
      return await this.#fail({ failure: "limit", code: "recorded-bytes", message }, []);
    }
  }

  #checkState(value: Value): TurnOutcome {
    if (isReadOnly(this.#message.kind) && this.#hasChanged(value)) {
      const { code, message } = readOnly("another state");
      return { kind: "failed", failure: "limit", code, message };
    }
    const bytes = stateOf(value)?.length ?? 0;
    const { stateBytes } = this.#parts.limits;
    if (bytes <= stateBytes) return { kind: "returned", value };
    const message = `the new state has ${bytes} bytes; the limit is ${stateBytes} (limits.state_bytes)`;
    return { kind: "failed", failure: "limit", code: "state-bytes", message };
  }

  #hasChanged(value: Value): boolean {
    return !this.#parts.cell.isState(stateOf(value)) || this.#door.shutdown !== undefined;
  }

  async #commit(value: Value, calls: readonly HostCall[]): Promise<TurnEnd> {
    const { journal, cell } = this.#parts;
    const state = stateOf(value);
    const result = (value as readonly Value[])[1] ?? null;
    const changed = !cell.isState(state);
    const { shutdown } = this.#door;
    const sends = [...this.#door.sends, ...this.#parts.mail.channels.greeting(result)];
    const timers = this.#door.timers.changes;
    const fields = {
      state: changed ? (state === null ? [] : [state]) : null,
      result,
      sends: sends.map(({ to, body, channel }) =>
        describeSent(
          channel ? { channel: channel.id, body, close: channel.close !== null } : { to, body },
        ),
      ),
    };
    // The commit point: this one synchronous transaction. From its end on the turn has happened; until
    // then it has not, and a crash leaves no trace of it.
    const named = [fields, calls, this.#parts.mail.content];
    const event = await this.#flush(named, calls, (message) => {
      const committed = journal.append({
        ...this.#draft("turn.committed"),
        fields: { message, ...fields },
      });
      if (changed) cell.setState(state);
      const data = shutdown === undefined ? null : [shutdown];
      const { turn, fileChanges: files, siteChange: site } = this.#door;
      const what = { turn, seq: committed.seq, message, nowMs: journal.nowMs() };
      const made = { result, sends, files, timers, site, data };
      this.#parts.onEnd({ ...what, committed: true, failure: null, ...made });
      return committed;
    });
    return { kind: "committed", event: ref(event), result };
  }

  async #refuse(error: Value, calls: readonly HostCall[]): Promise<TurnEnd> {
    const event = await this.#closeWith([error, calls], calls, null, (message) => ({
      ...this.#draft("turn.refused"),
      fields: { message, error },
    }));
    return { kind: "refused", event, error };
  }

  async #fail(
    { failure, code, message: reason }: { failure: Failure; code: string; message: string },
    calls: readonly HostCall[],
  ): Promise<TurnEnd> {
    const event = await this.#closeWith(calls, calls, { kind: failure, code }, (message) => ({
      ...this.#draft("turn.failed"),
      fields: { message, kind: failure, code },
    }));
    return { kind: "failed", event, failure, code, message: reason };
  }

  /** Ends the turn without effect: its calls are recorded, its sends and its state are not. */
  async #closeWith(
    values: unknown,
    calls: readonly HostCall[],
    failure: TurnRecord["failure"],
    draft: (message: number) => Draft,
  ): Promise<EventRef> {
    const { journal } = this.#parts;
    return await this.#flush(values, calls, (message) => {
      const closed = journal.append(draft(message));
      const { turn } = this.#door;
      const what = { turn, seq: closed.seq, message, nowMs: journal.nowMs(), result: null };
      const nothing = { sends: [], files: UNCHANGED, timers: [], site: null, data: null };
      this.#parts.onEnd({ ...what, committed: false, failure, ...nothing });
      return ref(closed);
    });
  }

  #draft<T extends Draft["type"]>(type: T): { type: T; about: string; turn: number } {
    return { type, about: "", turn: this.#door.turn };
  }

  /** Content too large for a payload goes to the store before the flush that names it. */
  async #flush<T>(
    values: unknown,
    calls: readonly HostCall[],
    write: (message: number) => T,
  ): Promise<T> {
    const named = [values, this.#message.params] as unknown as Value;
    return await this.#parts.content.keep(named, () => this.#door.flush(calls, write));
  }
}

const UNCHANGED: TurnRecord["files"] = new Map();

const diverged = ({ message }: Divergence) =>
  ({ failure: "lost", code: "diverged", message }) as const;

const UNRECORDABLE: ReadonlySet<string> = new Set(["bad-block", "too-large"]);

/** The first item of what every exported function returns: `option<list<u8>>`. */
function stateOf(value: Value): Uint8Array | null {
  const [state] = value as readonly (null | readonly [Uint8Array])[];
  return state === null || state === undefined ? null : state[0];
}

const ref = ({ seq, cid }: EventRef): EventRef => ({ seq, cid });
