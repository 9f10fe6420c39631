// Whether the platform gives what Theater needs, each part asked with a real call.

import { ISOLATE_BASE } from "../executor/isolate-options.ts";
import type { BundledSet } from "../executor/executor.ts";
import { shardsOf, type Environment } from "./environment.ts";

/** The empty module: magic and version. */
const EMPTY_WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const PROBE = `
  import { WorkerEntrypoint } from "cloudflare:workers";
  import module from "empty.wasm";
  export default class extends WorkerEntrypoint {
    probe() { return module instanceof WebAssembly.Module && "Suspending" in WebAssembly; }
  }`;

export interface Health {
  ok: boolean;
  ledger: boolean;
  content: boolean;
  /** Whether the Worker Loader works; false too where none is bound. */
  loader: boolean;
  /** The components that are bundled with the Worker, "sha256:<hex>". */
  bundled: string[];
}

/** A deployment without a Loader is well if there is something that it can run. */
export async function healthOf(
  environment: Environment,
  sets: readonly BundledSet[],
): Promise<Health> {
  const { LOADER } = environment;
  const [ledger, content, loader] = await Promise.all([
    works(
      Promise.all(
        shardsOf(environment).map((db) => db.prepare("SELECT 1 FROM event LIMIT 1").all()),
      ),
    ),
    works(environment.CONTENT.head("healthz")),
    LOADER !== undefined && works(probeLoader(LOADER)),
  ]);
  const bundled = [...new Set(sets.map(({ set }) => `sha256:${set.component}`))];
  const runs = LOADER === undefined ? bundled.length > 0 : loader;
  return { ok: ledger && content && runs, ledger, content, loader, bundled };
}

/** wasm modules for the Loader are in workerd but not on its documentation page (2026-11): ask. */
async function probeLoader(loader: WorkerLoader): Promise<void> {
  const isolate = loader.get("health 1", () => ({
    ...ISOLATE_BASE,
    mainModule: "probe.js",
    modules: { "probe.js": { js: PROBE }, "empty.wasm": { wasm: EMPTY_WASM } },
  }));
  const entrypoint = isolate.getEntrypoint() as unknown as { probe(): Promise<boolean> };
  if (!(await entrypoint.probe())) throw new Error("the isolate lacks wasm modules or JSPI");
}

async function works(attempt: Promise<unknown>): Promise<boolean> {
  return await attempt.then(
    () => true,
    () => false,
  );
}
