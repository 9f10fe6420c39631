// What the platform itself takes: an empty Worker, and Durable Objects that count in SQLite with as little around it
// as possible. (a) is a counter that nobody could audit, (b) the same with the three rows that a journal of it needs.

import { DurableObject } from "cloudflare:workers";

interface Env {
  COUNTER: DurableObjectNamespace<Counter>;
  JOURNALLED: DurableObjectNamespace<Journalled>;
}

/** About what an event of such a turn takes. */
const BLOCK_BYTES = 200;
const CID_BYTES = 32;
const ROWS = 3;

export class Counter extends DurableObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)",
    );
  }

  add(_body: ArrayBuffer): number {
    const row = this.ctx.storage.sql
      .exec<{ value: number }>(
        "INSERT INTO counter VALUES (1, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
      )
      .one();
    return row.value;
  }
}

export class Journalled extends Counter {
  readonly #cid = new Uint8Array(CID_BYTES);
  readonly #block = new Uint8Array(BLOCK_BYTES);

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, cid BLOB, block BLOB, payload BLOB)",
    );
  }

  override add(body: ArrayBuffer): number {
    return this.ctx.storage.transactionSync(() => {
      const value = super.add(body);
      for (let row = 0; row < ROWS; row++) {
        this.ctx.storage.sql.exec(
          "INSERT INTO journal (cid, block, payload) VALUES (?, ?, ?)",
          this.#cid,
          this.#block,
          body,
        );
      }
      return value;
    });
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, kind, key = ""] = new URL(request.url).pathname.split("/");
    const body = await request.arrayBuffer();
    if (kind === "floor") return new Response("0");
    const space = kind === "journalled" ? env.JOURNALLED : env.COUNTER;
    return new Response(String(await space.getByName(key).add(body)));
  },
};
