// The soak: callers at a steady pace for as long as is wanted, audits and evictions beside them, a sample at the end of
// each window; then everything that was acknowledged must be there.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildActor } from "../../src/cli/build-actor.ts";
import { rssBytes } from "../memory.ts";
import type { Bench } from "../server.ts";
import { sample, verdict, type Flat, type Sample } from "./samples.ts";
import { Work, type Done } from "./work.ts";

const ACTORS = 24;
const CALLERS = 8;
/** Of each caller. A steady pace, so that a latency means the same at the end as at the begin. */
const PACE_MS = 120;
const AUDIT_MS = 4_000;
const HANDLERS = [
  "runtime",
  "message-server",
  "supervisor",
  "timers",
  "timing",
  "http-framework",
] as const;

export interface SoakOptions {
  ms: number;
  windowMs: number;
  seed: string;
  note: (line: string) => void;
}

export interface Soaked {
  seed: string;
  operations: Record<string, number>;
  samples: Sample[];
  flat: Flat[];
  problems: string[];
}

export async function soak(bench: Bench, options: SoakOptions): Promise<Soaked> {
  const { ms, windowMs, seed, note } = options;
  const work = await staged(bench, seed);
  const operations: Record<string, number> = {};
  const samples: Sample[] = [];
  let window: Done[] = [];
  const begun = performance.now();
  const end = begun + ms;
  const took = (done: Done): void => {
    window.push(done);
    operations[done.kind] = (operations[done.kind] ?? 0) + 1;
  };
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      const next = performance.now() + PACE_MS;
      took(await work.step());
      await sleep(Math.max(0, next - performance.now()));
    }
  };
  const auditor = async (): Promise<void> => {
    while (performance.now() < end) {
      for (const done of await work.audit()) took(done);
      await sleep(Math.max(0, Math.min(AUDIT_MS, end - performance.now())));
    }
  };
  const sampler = async (): Promise<void> => {
    for (let at = begun + windowMs; at <= end; at += windowMs) {
      await sleep(Math.max(0, at - performance.now()));
      const done = window;
      window = [];
      const one = sample((at - begun) / 1000, await rssBytes(), done);
      samples.push(one);
      note(
        `${one.seconds} s: ${one.workerdMb} MB, p50 ${one.p50} ms, p99 ${one.p99} ms, ${one.operations} operations`,
      );
    }
  };
  await Promise.all([...Array.from({ length: CALLERS }, caller), auditor(), sampler()]);
  await work.settle();
  return { seed, operations, samples, flat: verdict(samples), problems: work.problems };
}

/** The actors that work, and the manifest of the children that they have now and then. */
async function staged(bench: Bench, seed: string): Promise<Work> {
  const { component } = await buildActor(import.meta.dirname);
  const counter = await buildActor(join(import.meta.dirname, "../counter"));
  const digest = await bench.upload(component);
  const child = [
    'name = "child"',
    'version = "1"',
    `component = "${await bench.upload(counter.component)}"`,
    ...["runtime", "message-server"].map((type) => `[[handler]]\ntype = "${type}"`),
  ].join("\n");
  const handler = HANDLERS.map((type) => ({ type }));
  const manifest = { name: "soak", version: "1", component: digest, handler };
  const actors: string[] = [];
  for (let n = 0; n < ACTORS; n++) {
    const body = JSON.stringify({ manifest });
    actors.push((await bench.json<{ id: string }>("POST", "/v1/actors", body)).id);
  }
  return new Work(bench, { actors, child, seed });
}
