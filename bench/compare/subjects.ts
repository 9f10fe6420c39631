// What is compared, with what each writes to disk before it answers. The letters are those of docs/benchmarks.md.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildActor } from "../../src/cli/build-actor.ts";
import { PEERS, peerVersion } from "./peer-packages.ts";
import { serveRestate } from "./restate-server.ts";
import { serveRivet } from "./rivet-server.ts";
import type { Served } from "./served.ts";
import { serveTheater } from "./theater-server.ts";
import { serveWorker } from "./worker-server.ts";

export interface Subject {
  /** Its letter, and the argument of serve.ts. */
  id: string;
  name: string;
  /** What is on disk when the answer leaves. */
  durable: string;
  /** Whether it needs bench/peers. */
  isPeer: boolean;
  serve(): Promise<Served>;
}

const WORKER = {
  entry: join(import.meta.dirname, "objects-worker.ts"),
  objects: { COUNTER: "Counter", JOURNALLED: "Journalled", HOPPING: "Hopping" },
};
const TINY = join(import.meta.dirname, "../../test/fixtures/tiny.wasm");
const COUNTER = join(import.meta.dirname, "../counter");

export const SUBJECTS: readonly Subject[] = [
  {
    id: "floor",
    name: "empty Worker",
    durable: "nothing",
    isPeer: false,
    serve: () => serveWorker({ ...WORKER, prefix: "/floor/" }),
  },
  {
    id: "a",
    name: "bare Durable Object, one row",
    durable: "one row in the object's SQLite, with an fsync for each transaction",
    isPeer: false,
    serve: () => serveWorker({ ...WORKER, prefix: "/counter/" }),
  },
  {
    id: "b",
    name: "bare Durable Object, one row and three of a journal",
    durable: "four rows in one transaction of the object's SQLite",
    isPeer: false,
    serve: () => serveWorker({ ...WORKER, prefix: "/journalled/" }),
  },
  {
    id: "h",
    name: "the same with one hop into a dynamic isolate",
    durable: "the same; what is counted comes from an isolate of the Worker Loader",
    isPeer: false,
    serve: () => serveWorker({ ...WORKER, prefix: "/hopping/" }),
  },
  {
    id: "c",
    name: "Cloudflare agents, setState",
    durable: "the state as one row in the object's SQLite",
    isPeer: true,
    serve: async () =>
      await serveWorker({
        entry: join(PEERS, "agents-worker.ts"),
        objects: { Counter: "Counter" },
        prefix: "/",
        versions: { agents: await peerVersion("agents") },
      }),
  },
  {
    id: "d",
    name: "Restate, virtual object",
    durable: "invocation, state and result in its log, with an fdatasync for each group of entries",
    isPeer: true,
    serve: () => serveRestate({ isSynced: true }),
  },
  {
    id: "d-unsynced",
    name: "Restate, log not synced",
    durable: "the same without: a machine that stops may lose what was answered",
    isPeer: true,
    serve: () => serveRestate({ isSynced: false }),
  },
  {
    id: "rivet",
    name: "rivetkit actor, saveState",
    durable: "the actor's state in its engine's RocksDB, with several fsyncs",
    isPeer: true,
    serve: serveRivet,
  },
  {
    id: "e",
    name: "Theater, component in C",
    durable:
      "message, host call and commit of the chain, and the state, in one transaction of SQLite",
    isPeer: false,
    serve: async () => await serveTheater(await readFile(TINY)),
  },
  {
    id: "f",
    name: "Theater, actor in TypeScript",
    durable: "the same",
    isPeer: false,
    serve: async () => await serveTheater((await buildActor(COUNTER)).component),
  },
  {
    id: "g",
    name: "Theater, component in C, bundled at deploy time",
    durable: "the same",
    isPeer: false,
    serve: async () => await serveTheater(await readFile(TINY), true),
  },
];
