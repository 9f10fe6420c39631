// Sends on their way to other actors. Committed with the turn that made them, delivered afterwards: at
// least once on the wire, once in effect, because the receiver knows the pair's count.

import type { Journal } from "../record/journal.ts";
import type { ActorRpc, Answer } from "../protocol.ts";
import type { PendingSend } from "../turn/turn-parts.ts";

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 60_000;
/** A recipient that is full is asked more often: it works off what it has. */
const BUSY_MAX_MS = 2_000;
/** Rows of one round; the next round takes the rest. */
const ROUND_MAX = 256;

interface Row extends Record<string, SqlStorageValue> {
  recipient: string;
  n: number;
  turn: number;
  place: number;
  cause: number;
  tries: number;
  body: ArrayBuffer;
  channel: string | null;
  close: string | null;
}

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

export class Outbox {
  readonly #sql: SqlStorage;
  readonly #journal: Journal;
  readonly #peer: (id: string) => ActorRpc;
  #isDelivering = false;
  #delivering: Promise<void> | undefined;
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
    for (const [place, { to, body, channel }] of sends.entries()) {
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
    const [row] = this.#sql
      .exec<{ due: number | null }>("SELECT min(due) AS due FROM outbox")
      .toArray();
    return row?.due ?? undefined;
  }

  /** Delivers what is due, in order for each recipient. Failures stay for a later round. */
  async deliver(): Promise<void> {
    if (!this.#isDelivering) {
      this.#isDelivering = true;
      this.#delivering = this.#deliverAll();
    }
    await this.#delivering;
  }

  /** Every round removes its rows or makes them due later, so it comes to an end. */
  async #deliverAll(): Promise<void> {
    try {
      for (let rows = this.#due(); rows.length > 0; rows = this.#due()) await this.#round(rows);
    } finally {
      // In the same step as the look that found nothing: a row that is added later starts anew.
      this.#isDelivering = false;
      this.#comeBack();
    }
  }

  /** While the object lives it is quicker than the alarm, which comes back in any case. */
  #comeBack(): void {
    clearTimeout(this.#timer);
    const dueMs = this.nextDueMs();
    if (dueMs === undefined) return;
    const again = (): void => void this.deliver().catch(() => undefined);
    this.#timer = setTimeout(again, Math.max(dueMs - Date.now(), RETRY_MIN_MS));
  }

  /** A row waits while an earlier one for the same recipient does: their receiver knows only the last n. */
  #due(): Row[] {
    const query = `
      SELECT * FROM outbox AS row WHERE due <= ?1 AND NOT EXISTS (SELECT 1 FROM outbox AS earlier
        WHERE earlier.recipient = row.recipient AND earlier.n < row.n AND earlier.due > ?1)
      ORDER BY recipient, n LIMIT ?2`;
    return this.#sql.exec<Row>(query, Date.now(), ROUND_MAX).toArray();
  }

  /** Recipients at the same time, so that none waits for another; the rows of each in order. */
  async #round(rows: readonly Row[]): Promise<void> {
    const byRecipient = Map.groupBy(rows, ({ recipient }) => recipient);
    await Promise.all([...byRecipient.values()].map((own) => this.#deliverInOrder(own)));
  }

  async #deliverInOrder(rows: readonly Row[]): Promise<void> {
    for (const row of rows) if (!(await this.#deliverOne(row))) return;
  }

  /** False if the recipient must be tried again before anything newer goes to it. */
  async #deliverOne(row: Row): Promise<boolean> {
    const { recipient, n, cause, turn, place, channel, close } = row;
    const event = this.#journal.entries(cause, 1)[0];
    const answer = await this.#send(row, event?.cid ?? new Uint8Array(32));
    if (answer === undefined || (!answer.ok && !FINAL.has(answer.error.code))) {
      const isBusy = answer?.ok === false && answer.error.code === "busy";
      const wait = Math.min(RETRY_MIN_MS * 2 ** row.tries, isBusy ? BUSY_MAX_MS : RETRY_MAX_MS);
      this.#sql.exec(
        "UPDATE outbox SET tries = tries + 1, due = ? WHERE recipient = ? AND n = ?",
        Date.now() + wait,
        recipient,
        n,
      );
      return false;
    }
    this.#journal.transaction(() => {
      this.#sql.exec("DELETE FROM outbox WHERE recipient = ? AND n = ?", recipient, n);
      if (answer.ok || close !== null) return; // who does not know the channel has it closed
      const fields = { turn, index: place, reason: answer.error.code };
      this.#journal.append({ type: "send.failed", about: "", turn: 0, fields });
      if (channel !== null) this.onUndeliverable(channel);
    });
    if (!answer.ok) this.onFailed();
    return true;
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
