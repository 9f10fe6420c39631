// Tells the supervisor that this actor is down. Written in the transaction that ends the incarnation, and
// repeated until the supervisor has it: by the one who wrote it, and by every alarm.

import { fromBase64, toBase64 } from "../../lib/bytes.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Notice } from "./orders.ts";

interface NoticeParts {
  sql: SqlStorage;
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
    const query = "INSERT OR IGNORE INTO notice VALUES (?, ?)";
    this.#parts.sql.exec(query, notice.incarnation, write(notice));
  }

  /** The end of this incarnation, where it has still to be told. */
  find(incarnation: number): Notice | null {
    const query = "SELECT notice FROM notice WHERE incarnation = ?";
    const [row] = this.#parts.sql.exec<{ notice: string }>(query, incarnation).toArray();
    return row === undefined ? null : read(row.notice);
  }

  /** Never throws: what could not be told stays. */
  async tell(): Promise<void> {
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = undefined));
    await this.#telling;
  }

  async #tellAll(): Promise<void> {
    const { sql, parent, peer } = this.#parts;
    if (parent === null) return;
    const query = "SELECT incarnation, notice FROM notice ORDER BY incarnation LIMIT 1";
    for (;;) {
      const [row] = sql.exec<{ incarnation: number; notice: string }>(query).toArray();
      if (row === undefined) return;
      try {
        const answer = await peer(parent).notice(read(row.notice));
        // A supervisor that does not exist any more, or does not know the child, has nothing to decide.
        if (!answer.ok && answer.error.code !== "not-found") return;
      } catch {
        return;
      }
      sql.exec("DELETE FROM notice WHERE incarnation = ?", row.incarnation);
    }
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
