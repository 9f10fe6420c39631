// What the platform itself takes: an empty Worker, and Durable Objects that count in SQLite with as little around it
// as possible. (a) is a counter that nobody could audit, (b) the same with the three rows that a journal of it needs,
// (h) the same again with the counting in an isolate of its own: the least that code which is not trusted can cost.

import { DurableObject } from "cloudflare:workers";

interface Env {
  COUNTER: DurableObjectNamespace<Counter>;
  JOURNALLED: DurableObjectNamespace<Journalled>;
  HOPPING: DurableObjectNamespace<Hopping>;
  LOADER: WorkerLoader;
}

interface Guest {
  run(state: number, body: ArrayBuffer): Promise<{ state: number; reply: ArrayBuffer }>;
}

const GUEST = `
  import { WorkerEntrypoint } from "cloudflare:workers";
  export default class extends WorkerEntrypoint {
    run(state, reply) { return { state: state + 1, reply }; }
  }
`;

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
    return this.journalled(body, () => super.add(body));
  }

  protected journalled(body: ArrayBuffer, write: () => number): number {
    return this.ctx.storage.transactionSync(() => {
      const value = write();
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

export class Hopping extends Journalled {
  #value = 0;
  #line: Promise<unknown> = Promise.resolve();

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const [row] = this.ctx.storage.sql
      .exec<{ value: number }>("SELECT value FROM counter")
      .toArray();
    this.#value = row?.value ?? 0;
  }

  /** One after the other: the guest must be given the state that the one before left. */
  async hop(body: ArrayBuffer): Promise<number> {
    const turn = this.#line.then(() => this.#turn(body));
    this.#line = turn.catch(() => undefined);
    return await turn;
  }

  async #turn(body: ArrayBuffer): Promise<number> {
    const code: WorkerLoaderWorkerCode = {
      compatibilityDate: "2026-10-20",
      mainModule: "guest.js",
      modules: { "guest.js": { js: GUEST } },
      globalOutbound: null,
      env: {},
    };
    const guest = this.env.LOADER.get("guest", () => code).getEntrypoint() as unknown as Guest;
    const { state, reply } = await guest.run(this.#value, body);
    return this.journalled(reply, () => {
      const query =
        "INSERT INTO counter VALUES (1, ?) ON CONFLICT DO UPDATE SET value = excluded.value";
      this.ctx.storage.sql.exec(query, state);
      this.#value = state;
      return state;
    });
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, kind, key = ""] = new URL(request.url).pathname.split("/");
    const body = await request.arrayBuffer();
    if (kind === "floor") return new Response("0");
    if (kind === "hopping") return new Response(String(await env.HOPPING.getByName(key).hop(body)));
    const space = kind === "journalled" ? env.JOURNALLED : env.COUNTER;
    return new Response(String(await space.getByName(key).add(body)));
  },
};
