// What a replay costs: turns made one after the other over HTTP, then replayed by their server.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildActor } from "../../src/cli/build-actor.ts";
import { medianMs, type FurtherOptions, type Measurement } from "./measurement.ts";

const TINY = join(import.meta.dirname, "../../test/fixtures/tiny.wasm");
const RUNS = 3;

export async function replayTimes(options: FurtherOptions): Promise<Measurement[]> {
  const { component } = await buildActor(join(import.meta.dirname, "../counter"));
  const turns = options.isQuick ? 200 : 1_000;
  return [
    ...(await replayed(options, { name: "C", wasm: await readFile(TINY), turns })),
    ...(await replayed(options, { name: "TypeScript", wasm: component, turns: turns / 2 })),
  ];
}

async function replayed(
  { bench }: FurtherOptions,
  { name, wasm, turns }: { name: string; wasm: Uint8Array; turns: number },
): Promise<Measurement[]> {
  const id = await bench.start(await bench.upload(wasm));
  const live = await medianMs(turns, () => bench.call("POST", `/v1/actors/${id}/request`, "1"));
  const all = await medianMs(RUNS, async () => {
    const agreed = await byServer(bench, id);
    if (agreed !== turns + 1) throw new Error(`${agreed} of ${turns + 1} turns agreed`);
  });
  return [
    {
      id: `replay.${name}`,
      name: `replay by the server, component in ${name}`,
      value: (turns * 1000) / all,
      unit: "turns/s",
    },
    {
      id: `replay.ratio.${name}`,
      name: "the same against the turns one after the other over HTTP",
      value: (live * turns) / all,
      unit: "×",
    },
  ];
}

interface Report {
  verdict: string;
  turns: { agreed: number };
  next: string | null;
}

/** All parts of one replay; how many turns agreed. */
async function byServer(bench: FurtherOptions["bench"], id: string): Promise<number> {
  let [cursor, agreed]: [string | null, number] = [null, 0];
  do {
    const query: string = cursor === null ? "" : `?cursor=${cursor}`;
    const report: Report = await bench.json("POST", `/v1/actors/${id}/chain/replay${query}`);
    if (report.verdict !== "verified") throw new Error(JSON.stringify(report));
    agreed += report.turns.agreed;
    cursor = report.next;
  } while (cursor !== null);
  return agreed;
}
