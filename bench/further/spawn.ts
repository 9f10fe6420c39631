// What it takes until there is an actor: of a component that is new, and of one that is known; and what the platform
// takes for an object that was never there.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SUBJECTS } from "../compare/subjects.ts";
import { startSubject } from "../compare/subject-process.ts";
import { Connection, requestBytes } from "../load/connection.ts";
import type { Bench } from "../server.ts";
import { atMost, medianMs, variant, type FurtherOptions, type Measurement } from "./measurement.ts";

const TINY = join(import.meta.dirname, "../../test/fixtures/tiny.wasm");
const UPLOAD_TARGET = 1.5;
const SPAWN_TARGET = 3;

export async function spawnTimes({ bench, isQuick }: FurtherOptions): Promise<Measurement[]> {
  const tiny = await readFile(TINY);
  const count = isQuick ? 10 : 40;
  const firsts: string[] = [];
  for (let n = 0; n < 5; n++) firsts.push(await bench.upload(variant(tiny, n)));
  const first = await medianMs(firsts.length, (n) => bench.start(firsts[n] ?? ""));
  const known = firsts[0] ?? "";
  await medianMs(3, () => bench.start(known));
  const later = await medianMs(count, () => bench.start(known));
  const bare = await bareFirst(count);
  const target = atMost(SPAWN_TARGET, "a bare object's first request", later / bare);
  return [
    { id: "spawn.bare", name: "bare Durable Object, first request", value: bare, unit: "ms" },
    { id: "spawn.first", name: "actor of a component's first use", value: first, unit: "ms" },
    {
      id: "spawn.later",
      name: "actor of a known component",
      value: later,
      unit: "ms",
      ...(target === undefined ? {} : { target }),
    },
  ];
}

/** Subject (a), with a key that was never asked for. */
async function bareFirst(count: number): Promise<number> {
  const subject = SUBJECTS.find(({ id }) => id === "a");
  if (subject === undefined) throw new Error("there is no bare object");
  const started = await startSubject(subject);
  if (!("served" in started)) throw new Error(started.reason);
  const connection = await Connection.open(started.served.port);
  try {
    const ask = async (n: number): Promise<void> => {
      const path = `/counter/spawned-${n}`;
      const { status } = await connection.ask(requestBytes({ method: "POST", path, body: "x" }));
      if (status !== 200) throw new Error(`the object answered ${status}`);
    };
    await medianMs(5, (n) => ask(-1 - n));
    return await medianMs(count, ask);
  } finally {
    connection.close();
    await started.stop();
  }
}

/** `counting` serves what an upload does first, by itself: `counting-worker.ts`. */
export async function uploadTimes(
  { bench, isQuick }: FurtherOptions,
  { counting, wasm, name }: { counting: Bench; wasm: Uint8Array; name: string },
): Promise<Measurement[]> {
  const count = isQuick ? 3 : 5;
  const transpile = async (n: number): Promise<void> => {
    const { status, body } = await counting.call("POST", "/bench/transpile", variant(wasm, n));
    if (status !== 200) throw new Error(`transpiling answered ${status} ${body.toString()}`);
  };
  const upload = async (n: number): Promise<void> => {
    const id = await bench.start(await bench.upload(variant(wasm, 100 + n)));
    const { status } = await bench.call("POST", `/v1/actors/${id}/request`, "1");
    if (status !== 200) throw new Error(`the first request was answered ${status}`);
  };
  // A server's first is slower than all others, in both.
  await transpile(99);
  await upload(99);
  const alone = await medianMs(count, transpile);
  const all = await medianMs(count, upload);
  const target = atMost(UPLOAD_TARGET, "transpiling alone", all / alone);
  const size = `${name}, ${(wasm.length / 1024).toFixed(0)} KiB`;
  return [
    {
      id: `upload.transpile.${name}`,
      name: `transpiling alone (${size})`,
      value: alone,
      unit: "ms",
    },
    {
      id: `upload.reply.${name}`,
      name: `upload, start and first reply (${size})`,
      value: all,
      unit: "ms",
      ...(target === undefined ? {} : { target }),
    },
  ];
}
