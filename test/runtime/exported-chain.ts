// An actor's chain as `theater export` gets it, and its replay from those bytes alone.

import { readCar } from "../../src/chain/car.ts";
import { decodeEvent } from "../../src/chain/event.ts";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import { toHex } from "../../src/lib/bytes.ts";
import { fileSource, modulesOfFile, type ChainFile } from "../../src/replay/file-source.ts";
import { replay } from "../../src/replay/replay.ts";
import type { ReplayReport } from "../../src/replay/report.ts";
import { exportCar } from "../../src/server/export.ts";
import type { Call } from "../../src/server/route.ts";
import { bindings, must, theater } from "./stage.ts";
import { registry } from "./worker.ts";

const executor = new LoaderExecutor(bindings.LOADER, registry.isPure);

export async function exported(
  id: string,
  include: readonly string[] = ["manifest", "component", "blocks"],
): Promise<Uint8Array> {
  const call = { actors: theater, param: () => id } as unknown as Call;
  return await (await exportCar(call, { from: 0, to: null, types: [] }, include)).bytes();
}

/** All in one part, or from a place on. */
export async function replayExported(
  id: string,
  car: Uint8Array,
  { cursor = null, runMs = 60_000 }: { cursor?: string | null; runMs?: number } = {},
): Promise<ReplayReport> {
  const { file, last } = await fileOf(car);
  const head = must(await theater.head(id));
  if (last !== head.seq) throw new Error(`the file ends at ${last}`);
  const source = fileSource(
    file,
    { actor: id, head },
    async ({ component }) => await modulesOfFile(file, component, executor),
  );
  const functions = (about: string) => registry.findHostFunction(about)?.fn;
  return await replay({ source, executor, functions, cursor, runMs });
}

/** Read always from its beginning, as a reader without an index would. */
async function fileOf(car: Uint8Array): Promise<{ file: ChainFile; last: number }> {
  const blocks = new Map<string, Uint8Array>();
  let [last, headerBytes] = [-1, 0];
  for await (const { link, bytes } of (await readCar(inChunks(car))).blocks) {
    if (link.codec === "raw") blocks.set(toHex(link.digest), bytes);
    else last = Math.max(last, seqOf(bytes));
  }
  headerBytes = 1 + (car[0] ?? 0);
  const file: ChainFile = {
    from: async () => ({ seq: 0, chunks: inChunks(car.subarray(headerBytes)) }),
    block: async (digest) => blocks.get(toHex(digest)) ?? null,
  };
  return { file, last };
}

function seqOf(block: Uint8Array): number {
  try {
    return decodeEvent(block).seq;
  } catch {
    return -1;
  }
}

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
