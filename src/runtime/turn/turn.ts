// One turn: one exported function called once for one message, committed or closed as a whole.
//
// Invariants: a turn ends with exactly one of turn.committed, turn.refused, turn.failed; what it did to
// the actor becomes real in that one transaction or not at all; nothing of it acts after its end.

import type { Failure } from "../../chain/event-types.ts";
import type { Value } from "../../chain/value.ts";
import {
  HOST_CALLS_MAX,
  type HostCall,
  type TurnInput,
  type TurnOutcome,
  type TurnOutput,
} from "../../executor/executor.ts";
import { INIT, isReadOnly, isStreamed } from "../../handlers/exports.ts";
import { checkOutcome } from "../../handlers/signatures.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { Divergence } from "../../replay/transcript.ts";
import { describeSent } from "../../handlers/sent.ts";
import { isSameState } from "../record/cell.ts";
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

/** Of a turn that begins together with others, side by side or one after the other: its place among them. */
export interface Place {
  turn: number;
  /** The clock of all of them, ms since the epoch. */
  time: number;
  /** The end of the one before: they end in their order. */
  after?: Promise<unknown>;
  /** What the guest, which runs already, is going to give. */
  running?: Promise<TurnOutput>;
}

/** How a turn is going to end, which is not true before its transaction. */
export interface Ending {
  kind: TurnEnd["kind"];
  /** What the store must have before. */
  content: Value;
  calls: readonly HostCall[];
  /** What the actor's state is then. */
  state: Uint8Array | null;
  /** Writes the end, behind the message and the calls. */
  write: (message: number) => TurnEnd;
}

export class Turn {
  readonly #parts: TurnParts;
  readonly #message: Message;
  readonly #door: TurnDoor;
  #cut: ((outcome: TurnOutcome) => void) | undefined;

  readonly #interrupted: Interrupted | undefined;
  readonly #place: Place | undefined;

  /** `interrupted`: the turn was begun before and goes on; then the message is in the chain already. */
  constructor(
    parts: TurnParts,
    message: Message,
    { interrupted, place }: { interrupted?: Interrupted | undefined; place?: Place } = {},
  ) {
    this.#parts = parts;
    this.#message = message;
    this.#interrupted = interrupted;
    this.#place = place;
    const turn = interrupted?.turn ?? place?.turn ?? parts.journal.lastTurn() + 1;
    this.#door = new TurnDoor(parts, message, turn, interrupted);
  }

  /** Ends the turn from outside. What it flushed stays; the rest is as if it had not been. */
  cut(code: string): void {
    this.#cut?.({ kind: "failed", failure: "cut", code, message: `the turn was cut off: ${code}` });
  }

  /** Throws only if nothing could be recorded. */
  async run(): Promise<TurnEnd> {
    const { journal } = this.#parts;
    const place = this.#place;
    const time = place?.time ?? this.#interrupted?.time ?? journal.nowMs();
    if (place === undefined) journal.frozenMs = time;
    try {
      const output = await this.#execute(time);
      await place?.after;
      return await this.end(output);
    } finally {
      this.#door.close();
      if (place === undefined) journal.frozenMs = undefined;
    }
  }

  get door(): TurnDoor {
    return this.#door;
  }

  /** What the isolate needs to run it. */
  static input(
    { cell, pureGrants }: Pick<TurnParts, "cell" | "pureGrants">,
    { about, params, seed, kind }: Message,
    { turn, time }: Pick<Place, "turn" | "time">,
  ): TurnInput {
    const state: Value = cell.state === null ? null : [cell.state];
    return {
      about,
      params: about === INIT ? params : [state, params],
      time,
      turn,
      seed,
      grants: pureGrants,
      hostCallsMax: HOST_CALLS_MAX,
      readOnly: isReadOnly(kind),
      streams: isStreamed(kind),
    };
  }

  async #execute(time: number): Promise<TurnOutput> {
    const { executor, modules } = this.#parts;
    const { deadlineMs } = this.#message;
    const begin = (): Promise<TurnOutput> => {
      const input = Turn.input(this.#parts, this.#message, { turn: this.#door.turn, time });
      return executor.run(modules, input, this.#door.stub());
    };
    const running = (this.#place?.running ?? begin()).catch((thrown: unknown): TurnOutput => ({
      outcome: broken(thrown),
      answered: [],
    }));
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

  /** Ends a turn whose guest gave this. Throws only if nothing could be recorded. */
  async end(output: TurnOutput): Promise<TurnEnd> {
    this.#door.close();
    this.#door.checkWritten();
    try {
      return await this.#flush(this.ending(output));
    } catch (thrown) {
      const fault = faultOf(thrown);
      if (fault === undefined) throw thrown;
      return await this.#flush(this.#failing(fault, []));
    }
  }

  /** How a turn whose guest gave this is going to end. `before`: the state that it began with. */
  ending(output: TurnOutput, before = this.#parts.cell.state): Ending {
    const { outcome, answered } = this.#believable(output);
    const calls = this.#door.unwritten(answered);
    const divergence = this.#door.divergenceAt(outcome);
    if (divergence !== undefined) return this.#failing(diverged(divergence), [], before);
    const end = outcome.kind === "returned" ? this.#checkState(outcome.value) : outcome;
    if (end.kind === "returned") return this.#committing(end.value, calls, before);
    if (end.kind === "refused") return this.#refusing(end.error, calls, before);
    return this.#failing(end, calls, before);
  }

  /** The isolate runs code made from untrusted bytes: what it answers may have any form. */
  #believable(output: TurnOutput): TurnOutput {
    const { outcome } = output;
    if (outcome.kind === "failed") return output;
    try {
      checkOutcome(this.#message.about, outcome);
      return output;
    } catch (thrown) {
      return { outcome: broken(thrown), answered: [] };
    }
  }

  /** In a transaction. Where that is undone, this turn is of no more use. */
  write({ calls, write }: Ending): TurnEnd {
    return this.#door.write(calls, write);
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

  #committing(value: Value, calls: readonly HostCall[], before: Uint8Array | null): Ending {
    const { journal, cell } = this.#parts;
    const state = stateOf(value);
    const result = (value as readonly Value[])[1] ?? null;
    const { shutdown } = this.#door;
    const sends = [...this.#door.sends, ...this.#parts.mail.channels.greeting(result)];
    const timers = this.#door.timers.changes;
    const sent = sends.map(({ to, body, channel }) =>
      describeSent(
        channel ? { channel: channel.id, body, close: channel.close !== null } : { to, body },
      ),
    );
    const changed = !isSameState(state, before);
    const recorded = changed ? (state === null ? [] : [state]) : null;
    const fields = { state: recorded, result, sends: sent };
    const write = (message: number): TurnEnd => {
      const draft = { ...this.#draft("turn.committed"), fields: { message, ...fields } };
      const committed = journal.append(draft);
      if (changed) cell.setState(state);
      const data = shutdown === undefined ? null : [shutdown];
      const { turn, fileChanges: files, siteChange: site } = this.#door;
      const what = { turn, seq: committed.seq, message, nowMs: journal.nowMs() };
      const made = { result, sends, files, timers, site, data };
      this.#parts.onEnd({ ...what, committed: true, failure: null, ...made });
      return { kind: "committed", event: ref(committed), result };
    };
    const content = [fields, calls, this.#parts.mail.content] as unknown as Value;
    return { kind: "committed", content, calls, state, write };
  }

  #refusing(error: Value, calls: readonly HostCall[], before: Uint8Array | null): Ending {
    const write = (message: number): TurnEnd => {
      const event = this.#close(message, null, {
        ...this.#draft("turn.refused"),
        fields: { message, error },
      });
      return { kind: "refused", event, error };
    };
    const content = [error, calls] as unknown as Value;
    return { kind: "refused", content, calls, state: before, write };
  }

  #failing(
    { failure, code, message: reason }: { failure: Failure; code: string; message: string },
    calls: readonly HostCall[],
    before: Uint8Array | null = null,
  ): Ending {
    const write = (message: number): TurnEnd => {
      const event = this.#close(
        message,
        { kind: failure, code },
        { ...this.#draft("turn.failed"), fields: { message, kind: failure, code } },
      );
      return { kind: "failed", event, failure, code, message: reason };
    };
    return { kind: "failed", content: calls as unknown as Value, calls, state: before, write };
  }

  /** Ends the turn without effect: its calls are recorded, its sends and its state are not. */
  #close(message: number, failure: TurnRecord["failure"], draft: Draft): EventRef {
    const { journal } = this.#parts;
    const closed = journal.append(draft);
    const { turn } = this.#door;
    const what = { turn, seq: closed.seq, message, nowMs: journal.nowMs(), result: null };
    const nothing = { sends: [], files: UNCHANGED, timers: [], site: null, data: null };
    this.#parts.onEnd({ ...what, committed: false, failure, ...nothing });
    return ref(closed);
  }

  #draft<T extends Draft["type"]>(type: T): { type: T; about: string; turn: number } {
    return { type, about: "", turn: this.#door.turn };
  }

  /**
   * Content too large for a payload goes to the store before the flush that names it.
   *
   * The commit point: this one synchronous transaction. From its end on the turn has happened; until then it has not,
   * and a crash leaves no trace of it. A batch has its own (batch.ts).
   */
  async #flush({ content, calls, write }: Ending): Promise<TurnEnd> {
    const named = [content, this.#message.params];
    return await this.#parts.content.keep(named, () => this.#door.flush(calls, write));
  }
}

const UNCHANGED: TurnRecord["files"] = new Map();

/** What the isolate says, or that it says nothing, tells of the machine and not of the guest. */
function broken(thrown: unknown): Extract<TurnOutcome, { kind: "failed" }> {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: "failed", failure: "host", code: "isolate", message };
}

/** What the turn fails with where this kept its end from being written. */
function faultOf(thrown: unknown): Extract<TurnOutcome, { kind: "failed" }> | undefined {
  if (!(thrown instanceof TheaterError)) return undefined;
  const { code, message } = thrown;
  if (code === "host-failure") return broken(thrown);
  if (!UNRECORDABLE.has(code)) return undefined;
  // What the guest made does not fit into an event: its fault, and nothing of it was recorded.
  return { kind: "failed", failure: "limit", code: "recorded-bytes", message };
}

const diverged = ({ message }: Divergence) =>
  ({ failure: "lost", code: "diverged", message }) as const;

const UNRECORDABLE: ReadonlySet<string> = new Set(["bad-block", "too-large"]);

/** The first item of what every exported function returns: `option<list<u8>>`. */
function stateOf(value: Value): Uint8Array | null {
  const [state] = value as readonly (null | readonly [Uint8Array])[];
  return state === null || state === undefined ? null : state[0];
}

const ref = ({ seq, cid }: EventRef): EventRef => ({ seq, cid });
