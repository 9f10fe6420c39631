// Tells the supervisor that this actor is down. Written in the transaction that ends the incarnation, and
// repeated until the supervisor has it: by the one who wrote it, and by every alarm.

import { fromBase64, toBase64 } from "../../lib/bytes.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Journal } from "../record/journal.ts";
import type { Notice } from "./orders.ts";

interface NoticeParts {
  sql: SqlStorage;
  journal: Journal;
  cell: Cell;
  /** The supervisor's id; null: there is none, and nothing is ever told. */
  parent: string | null;
  peer: (id: string) => ActorRpc;
}

export class Notices {
  readonly #parts: NoticeParts;
  #telling: Promise<void> | undefined;

  constructor(parts: NoticeParts) {
    this.#parts = parts;
  }

  get isPending(): boolean {
    if (this.#parts.parent === null) return false;
    return this.#parts.sql.exec("SELECT 1 FROM notice LIMIT 1").toArray().length > 0;
  }

  /** In the transaction that ends the incarnation. */
  add(notice: Notice): void {
    if (this.#parts.parent === null) return;
    const query = "INSERT INTO notice (incarnation, notice) VALUES (?, ?)";
    this.#parts.sql.exec(query, notice.incarnation, write(notice));
  }

  /** The end of this incarnation, where it has still to be told. */
  find(incarnation: number): Notice | null {
    const query = "SELECT notice FROM notice WHERE incarnation = ? ORDER BY n LIMIT 1";
    const [row] = this.#parts.sql.exec<{ notice: string }>(query, incarnation).toArray();
    return row === undefined ? null : read(row.notice);
  }

  /**
   * Whether a start as `incarnation` was decided before the supervisor knew that somebody else has stopped the
   * actor: such a start must not undo that.
   */
  isHeld(incarnation: number): boolean {
    if (incarnation <= (this.#parts.cell.get("heldUpTo") ?? -1)) return true;
    const rows = this.#parts.sql.exec<{ notice: string }>("SELECT notice FROM notice").toArray();
    return rows.some(({ notice }) => read(notice).kind === "stopped");
  }

  /** Never throws: what could not be told stays. */
  async tell(): Promise<void> {
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = undefined));
    await this.#telling;
  }

  async #tellAll(): Promise<void> {
    const { sql, parent, peer } = this.#parts;
    if (parent === null) return;
    const query = "SELECT n, notice FROM notice ORDER BY n LIMIT 1";
    for (;;) {
      const [row] = sql.exec<{ n: number; notice: string }>(query).toArray();
      if (row === undefined) return;
      try {
        const notice = read(row.notice);
        const answer = await peer(parent).notice(notice);
        // A supervisor that does not exist any more, or does not know the child, has nothing to decide.
        if (!answer.ok && answer.error.code !== "not-found") return;
        this.#heard(row.n, notice, answer.ok ? answer.value : -1);
      } catch {
        return;
      }
    }
  }

  #heard(n: number, { kind }: Notice, decisions: number): void {
    const { sql, journal, cell } = this.#parts;
    journal.transaction(() => {
      sql.exec("DELETE FROM notice WHERE n = ?", n);
      if (kind === "stopped") cell.set("heldUpTo", decisions);
    });
  }
}

function write({ data, head, ...rest }: Notice): string {
  const digest = toBase64(head.digest);
  return JSON.stringify({ ...rest, data: data && toBase64(data), head: { seq: head.seq, digest } });
}

function read(text: string): Notice {
  const { data, head, ...rest } = JSON.parse(text) as Omit<Notice, "data" | "head"> & {
    data: string | null;
    head: { seq: number; digest: string };
  };
  const bytes = (base64: string): Uint8Array => fromBase64(base64) ?? new Uint8Array(0);
  return {
    ...rest,
    data: data === null ? null : bytes(data),
    head: { seq: head.seq, digest: bytes(head.digest) },
  };
}
