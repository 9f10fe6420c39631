// rivetkit on its own engine with its state on disk. The engine is started by rivetkit and left running on purpose
// when its program ends, so it is ended here, by the pid that it writes down.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcess, processRef } from "../../src/cli/dev-process.ts";
import { PEERS, peerVersion } from "./peer-packages.ts";
import { endLater, firstJson, freePort, startProgram } from "./peer-process.ts";
import { BODY, KEYS, type Served } from "./served.ts";

const RUNTIME = ".rivetkit/var/engine/runtime.json";

export async function serveRivet(): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "theater-bench-rivet-"));
  const keys = Array.from({ length: KEYS }, (_, key) => `key-${key}`);
  const service = startProgram(process.execPath, [join(PEERS, "rivet-service.ts"), ...keys], {
    cwd: folder,
    env: {
      HOME: folder,
      TMPDIR: folder,
      RIVET_LOG_LEVEL: "error",
      RIVET_RUN_ENGINE: "1",
      RIVET_RUN_SERVICES: "0",
      RIVET_RUN_ENGINE_PORT: String(await freePort()),
    },
  });
  const stop = async (): Promise<void> => {
    await endEngine(folder);
    await service.end();
    await rm(folder, { recursive: true, force: true });
  };
  endLater(stop);
  const { port, ids } = await firstJson<{ port: number; ids: string[] }>(service);
  return {
    port,
    paths: ids.map((id) => `/gateway/${id}/action/add`),
    headers: { "content-type": "application/json", "x-rivet-encoding": "json" },
    body: JSON.stringify({ args: [BODY.slice('{"args":[""]}'.length)] }),
    versions: { rivetkit: await peerVersion("rivetkit") },
  };
}

async function endEngine(folder: string): Promise<void> {
  const text = await readFile(join(folder, RUNTIME), "utf8").catch(() => undefined);
  if (text === undefined) return;
  const engine = await processRef((JSON.parse(text) as { pid: number }).pid);
  if (engine !== undefined) await endProcess(engine);
}
