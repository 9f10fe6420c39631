// Sends on their way to other actors. Committed with the turn that made them, delivered afterwards: at
// least once on the wire, once in effect, because the receiver knows the pair's count.

import { SteadyClock } from "../timers/steady-clock.ts";
import { pause } from "../timers/wait.ts";
import type { Journal } from "../record/journal.ts";
import type { ActorRpc, Answer, Refusal } from "../protocol.ts";
import { EXTERNAL } from "./channels.ts";
import type { PendingSend } from "../turn/turn-parts.ts";

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 60_000;
/** One that answers is asked more often: it works off what it has, or is about to be started again. */
const REFUSED_MAX_MS = 2_000;
const PASSING: ReadonlySet<string> = new Set(["busy", "unavailable"]);
/** Recipients that are delivered to at the same time; the others follow as these end. */
const LANES_MAX = 256;

interface Row extends Record<string, SqlStorageValue> {
  recipient: string;
  n: number;
  turn: number;
  place: number;
  cause: number;
  tries: number;
  due: number;
  body: ArrayBuffer;
  channel: string | null;
  close: string | null;
}

/** A request waits for the sends before it, and tries them again after so long. */
const CAUGHT_UP_MS = 250;
/** And is refused where their recipient has refused them for so long: it may be full because it waits for us. */
const CAUGHT_UP_MAX_MS = 5_000;

/** A recipient that does not answer for so long is asked again later, under the same number. */
const ANSWER_MS_MAX = 30_000;

async function answeredInTime<T>(answer: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ANSWER_MS_MAX);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Refusals that no repetition will change. */
const FINAL: ReadonlySet<string> = new Set([
  "not-found",
  "wrong-state",
  "too-large",
  "not-an-actor",
  "missing-handler",
]);

/** Of a row: how often it was postponed, and until when, ms since the epoch. */
type Waiting = Pick<Row, "tries" | "due">;

/** The longest that the `tries`-th failure in a row makes wait. */
const delayMs = (tries: number): number =>
  tries === 0 ? 0 : Math.min(RETRY_MIN_MS * 2 ** (tries - 1), RETRY_MAX_MS);

/** A time further away than any postponement was written by a clock that has been put back since: it has come. */
function dueMsOf({ tries, due }: Waiting, nowMs: number): number {
  return due - nowMs > delayMs(tries) ? nowMs : due;
}

export class Outbox {
  readonly #sql: SqlStorage;
  readonly #journal: Journal;
  readonly #peer: (id: string) => ActorRpc;
  /** The deliveries that are under way, by recipient: one for each, so that none waits for another. */
  readonly #lanes = new Map<string, Promise<Refusal | null>>();
  /** Told where a receiver has seen another history of this actor. */
  onFork: (refusal: Refusal) => void = () => undefined;
  /** Known of an outbox that was empty when it was last looked at: most turns send nothing. */
  #isEmpty = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** In the transaction that records that a message on this channel could not be delivered. */
  onUndeliverable: (channel: string) => void = () => undefined;
  /** After a transaction that may have called it. */
  onFailed: () => void = () => undefined;

  constructor(sql: SqlStorage, journal: Journal, peer: (id: string) => ActorRpc) {
    this.#sql = sql;
    this.#journal = journal;
    this.#peer = peer;
  }

  /** In the transaction that commits the turn; `cause` is the seq of its turn.committed. */
  add(sends: readonly PendingSend[], origin: { turn: number; cause: number }): void {
    if (sends.length > 0) this.#isEmpty = false;
    for (const [place, { to, body, channel }] of sends.entries()) {
      if (to === EXTERNAL) continue; // on a WebSocket: see TurnSockets
      const [row] = this.#sql
        .exec<{ sent: number }>(
          "INSERT INTO peer (actor, sent) VALUES (?, 1) ON CONFLICT DO UPDATE SET sent = sent + 1 RETURNING sent",
          to,
        )
        .toArray();
      this.#sql.exec(
        "INSERT INTO outbox (recipient, n, turn, place, cause, due, body, channel, close) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        to,
        row?.sent ?? 0,
        origin.turn,
        place,
        origin.cause,
        Date.now(),
        body,
        channel?.id ?? null,
        channel?.close ?? null,
      );
    }
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#isEmpty = false;
  }

  /** Messages on a channel that its other end has not taken yet. */
  unsentOn(channel: string): number {
    const query = "SELECT count(*) AS unsent FROM outbox WHERE channel = ?";
    return this.#sql.exec<{ unsent: number }>(query, channel).one().unsent;
  }

  /** Whether a send of that turn is still on its way: its bytes are here. */
  holdsTurn(turn: number): boolean {
    const query = "SELECT 1 FROM outbox WHERE turn = ? LIMIT 1";
    return this.#sql.exec(query, turn).toArray().length > 0;
  }

  /** When the earliest row is due, ms; undefined if there is none. */
  nextDueMs(): number | undefined {
    if (this.#isEmpty) return undefined;
    const query = "SELECT tries, min(due) AS due, max(due) AS latest FROM outbox GROUP BY tries";
    const rows = this.#sql.exec<Waiting & { latest: number }>(query).toArray();
    const nowMs = Date.now();
    const dues = rows.flatMap(({ tries, due, latest }) =>
      [due, latest].map((each) => dueMsOf({ tries, due: each }, nowMs)),
    );
    this.#isEmpty = dues.length === 0;
    return this.#isEmpty ? undefined : Math.min(...dues);
  }

  /** Delivers what is due, in order for each recipient. Failures stay for a later round. */
  async deliver(): Promise<void> {
    this.#fill();
    await Promise.all(this.#lanes.values());
  }

  /**
   * Waits until `recipient` has taken, or refused for good, what earlier turns sent to it: a request does
   * not overtake those. The refusal of a recipient that is full for too long; null also where the caller's
   * turn is over.
   */
  async caughtUp(recipient: string, isLive: () => boolean): Promise<Refusal | null> {
    const clock = new SteadyClock();
    const untilMs = clock.nowMs() + CAUGHT_UP_MAX_MS;
    while (this.#first(recipient) !== undefined && isLive()) {
      const refusal = await this.#lane(recipient, Infinity);
      if (refusal !== null && clock.nowMs() >= untilMs) return refusal;
      if (this.#first(recipient) !== undefined) await pause(CAUGHT_UP_MS);
    }
    return null;
  }

  #fill(): void {
    for (const recipient of this.#dueRecipients()) {
      if (this.#lanes.size >= LANES_MAX) return;
      this.#lane(recipient, Date.now()).catch(() => undefined); // `deliver` says it, to those who wait
    }
  }

  /** Those whose earliest row is due: a row waits while an earlier one for the same recipient does. */
  #dueRecipients(): string[] {
    const recipients: string[] = [];
    const query =
      "SELECT recipient, tries, due FROM outbox WHERE recipient > ? ORDER BY recipient, n LIMIT 1";
    const nowMs = Date.now();
    for (let after = ""; ;) {
      const [row] = this.#sql.exec<Waiting & { recipient: string }>(query, after).toArray();
      if (row === undefined) return recipients;
      if (dueMsOf(row, nowMs) <= nowMs) recipients.push(row.recipient);
      after = row.recipient;
    }
  }

  #first(recipient: string): Row | undefined {
    const query = "SELECT * FROM outbox WHERE recipient = ? ORDER BY n LIMIT 1";
    return this.#sql.exec<Row>(query, recipient).toArray()[0];
  }

  /** The delivery to a recipient: the one that is under way, or a new one of all that is due by `dueMs`. */
  async #lane(recipient: string, dueMs: number): Promise<Refusal | null> {
    const running = this.#lanes.get(recipient);
    if (running !== undefined) return await running;
    const isFull = this.#lanes.size >= LANES_MAX - 1;
    const lane = this.#deliverInOrder(recipient, dueMs).finally(() => {
      // In the same step as the look that found nothing: a row that is added later starts anew.
      this.#lanes.delete(recipient);
      if (isFull) this.#fill();
      this.#comeBack();
    });
    this.#lanes.set(recipient, lane);
    return await lane;
  }

  /** While the object lives it is quicker than the alarm, which comes back in any case. */
  #comeBack(): void {
    clearTimeout(this.#timer);
    const dueMs = this.nextDueMs();
    if (dueMs === undefined) return;
    const again = (): void => void this.deliver().catch(() => undefined);
    this.#timer = setTimeout(again, Math.max(dueMs - Date.now(), RETRY_MIN_MS));
  }

  /** Every step removes a row or ends. The refusal of a recipient that answered and takes nothing now. */
  async #deliverInOrder(recipient: string, dueMs: number): Promise<Refusal | null> {
    for (;;) {
      const row = this.#first(recipient);
      const nowMs = Date.now();
      if (row === undefined || dueMsOf(row, nowMs) > Math.max(dueMs, nowMs)) return null;
      const refusal = await this.#deliverOne(row);
      if (refusal !== undefined) return refusal;
    }
  }

  /** Undefined once the row is gone; else the recipient must be tried again before anything newer goes to it. */
  async #deliverOne(row: Row): Promise<Refusal | null | undefined> {
    const { recipient, n, cause, turn, place, channel, close } = row;
    const event = this.#journal.entries(cause, 1)[0];
    const nowMs = Date.now();
    const isEarly = dueMsOf(row, nowMs) > nowMs;
    const answer = await this.#send(row, event?.cid ?? new Uint8Array(32));
    if (answer === undefined || (!answer.ok && !FINAL.has(answer.error.code))) {
      if (!isEarly) this.#postpone(row, answer?.error.code);
      if (answer?.ok === false && answer.error.code === "chain-fork") this.onFork(answer.error);
      return answer?.ok === false ? answer.error : null;
    }
    this.#journal.transaction(() => {
      this.#sql.exec("DELETE FROM outbox WHERE recipient = ? AND n = ?", recipient, n);
      if (answer.ok || close !== null) return; // who does not know the channel has it closed
      const fields = { turn, index: place, reason: answer.error.code };
      this.#journal.append({ type: "send.failed", about: "", turn: 0, fields });
      if (channel !== null) this.onUndeliverable(channel);
    });
    if (!answer.ok) this.onFailed();
    return undefined;
  }

  /** A try before its time changes nothing: a request that waits makes many, and later ones would come rarely. */
  #postpone({ recipient, n, tries }: Row, code: string | undefined): void {
    const maxMs = code !== undefined && PASSING.has(code) ? REFUSED_MAX_MS : RETRY_MAX_MS;
    this.#sql.exec(
      "UPDATE outbox SET tries = tries + 1, due = ? WHERE recipient = ? AND n = ?",
      Date.now() + Math.min(delayMs(tries + 1), maxMs),
      recipient,
      n,
    );
  }

  async #send(
    { recipient, n, cause, body, channel, close }: Row,
    event: Uint8Array,
  ): Promise<Answer<null> | undefined> {
    try {
      const delivery = {
        from: this.#journal.actor,
        n,
        cause: { seq: cause, event },
        body: new Uint8Array(body),
        ...(channel !== null && { channel: { id: channel, close } }),
      };
      return await answeredInTime(this.#peer(recipient).deliver(delivery));
    } catch {
      return undefined; // nobody knows whether it arrived: it goes again, under the same number
    }
  }
}
