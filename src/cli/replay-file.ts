// A replay from an exported file alone. The file is verified first, as `theater verify` does it; then the component in
// it runs in a workerd of its own, in the same isolate as on a server, with no network and nothing but the file.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { convertV4MiniflareOptions, Miniflare, Response } from "miniflare";
import { TheaterError, type ErrorCode } from "../lib/errors.ts";
import { bundleWorker } from "./bundle.ts";
import { indexCar, type CarIndex } from "./car-index.ts";
import { asObject, type JsonObject } from "./client.ts";
import type { Context } from "./context.ts";
import { childrenNamed, endProcess, type ProcessRef } from "./dev-process.ts";
import { endWithThisProcess } from "./end-with-this.ts";
import { loopback } from "./loopback.ts";
import { readPlatform } from "./platform.ts";
import type { ReplayOptions } from "./replay.ts";
import { doorTo } from "./replay-door.ts";
import { readProgress, replayParts } from "./replay-parts.ts";
import { describe } from "./replay-report.ts";
import { verifyCarFile } from "./verify-car-file.ts";
import * as verdict from "./verify-report.ts";

/** Of one part: how often progress is shown and kept. */
const PART_MS = 2_000;
const WORKERD_POLL_MS = 10;

/** The exit code: 3 where a turn diverged or the file does not hold. */
export async function replayFile(
  { connection, output }: Context,
  path: string,
  { progress, component, every = PART_MS, ...known }: ReplayOptions,
): Promise<number> {
  const verified = await verifyCarFile({ connection, output }, path, known);
  const { report: chain } = verified;
  const signed = verdict.signedJson(verified);
  if (chain.verdict === "broken" || chain.actor === null || chain.head === null) {
    const told = { actor: chain.actor, verdict: "broken", ...NOTHING_RUN, chain, signed };
    output.show(
      told,
      () => `nothing was run: the file does not hold\n${verdict.describe(verified)}`,
    );
    return verdict.DIFFERENCE;
  }
  for (const line of verdict.describe(verified).split("\n")) output.note(line);
  const advice = verdict.adviceOn(verified);
  if (advice !== undefined) output.note(advice);
  const { actor, head } = chain;
  const other = component === undefined ? undefined : await readComponent(component);
  const { workerd } = (progress === undefined ? undefined : await readProgress(progress)) ?? {};
  // What an interrupted run left behind: killing node does not end its workerd.
  if (workerd != null) await endProcess(workerd);
  const runner = await startRunner(path, await indexCar(path), other);
  try {
    const told = await replayParts(
      output,
      {
        actor,
        component: other?.digest ?? null,
        workerd: runner.process,
        part: (cursor) =>
          runner.run({ actor, head, cursor, runMs: every, component: other?.digest ?? null }),
      },
      progress,
    );
    const report = { ...told, chain, signed };
    output.show(report, () => describe(report));
    const isGood = told["verdict"] === "verified" && verdict.holds(verified);
    return isGood ? verdict.VERIFIED : verdict.DIFFERENCE;
  } finally {
    await runner.dispose();
  }
}

const NOTHING_RUN = { turns: {}, erasedTurns: [], difference: null, next: null };

interface OtherComponent {
  digest: string;
  bytes: Uint8Array;
}

async function readComponent(path: string): Promise<OtherComponent> {
  const bytes = await readFile(path);
  return { digest: createHash("sha256").update(bytes).digest("hex"), bytes };
}

interface Runner {
  process: ProcessRef | undefined;
  /** One part, as `src/replay-worker.ts` takes it. Throws what it says went wrong. */
  run(asked: JsonObject): Promise<JsonObject>;
  dispose(): Promise<void>;
}

async function startRunner(
  path: string,
  index: CarIndex,
  other: OtherComponent | undefined,
): Promise<Runner> {
  const more = new Map(other === undefined ? [] : [[other.digest, other.bytes]]);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...loopback(await readPlatform()),
      modules: await bundleWorker({ entry: "src/replay-worker.ts" }),
      workerLoaders: { LOADER: {} },
      serviceBindings: { FILE: doorTo(path, index, more) },
      // Its own network too: nothing in it has a reason to ask anybody.
      outboundService: () => new Response(null, { status: 403 }),
    }),
  );
  const { found, letGo } = await guarded(miniflare.ready);
  const dispose = async (): Promise<void> => {
    letGo();
    await miniflare.dispose();
  };
  await miniflare.ready.catch(async (thrown: unknown) => {
    await dispose();
    throw thrown;
  });
  return {
    process: found,
    async run(asked) {
      const answer = await miniflare.dispatchFetch("http://replay/", {
        method: "POST",
        body: JSON.stringify(asked),
      });
      const told = asObject(await answer.json(), "answer");
      if (told["ok"] === true) return asObject(told["report"], "report");
      const { code, message, evidence } = asObject(told["error"], "error");
      throw new TheaterError(
        String(code) as ErrorCode,
        String(message),
        asObject(evidence ?? {}, "evidence"),
      );
    },
    dispose,
  };
}

/** As soon as workerd exists, which is long before it is ready, it ends with this process. */
async function guarded(
  ready: Promise<unknown>,
): Promise<{ found: ProcessRef | undefined; letGo: () => void }> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  ready.then(over, over);
  for (;;) {
    const [found] = (await childrenNamed(process.pid, "workerd")).slice(-1);
    if (found !== undefined) return { found, letGo: endWithThisProcess(found.pid) };
    if (isOver) return { found, letGo: over };
    await sleep(WORKERD_POLL_MS);
  }
}
