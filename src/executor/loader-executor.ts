// Runs components in isolates that the Worker Loader starts. The default executor.

import isolateSource from "../../build/isolate.txt";
import { toUtf8 } from "../lib/bytes.ts";
import type {
  Executor,
  ModuleSetRef,
  TranspiledFile,
  TurnHost,
  TurnInput,
  TurnOutput,
} from "./executor.ts";
import { ISOLATE_BASE } from "./isolate-options.ts";
import { sha256Hex, transpile } from "./transpile.ts";
import type { ComponentDescription } from "./wit-type.ts";

interface GuestEntrypoint {
  run(input: TurnInput, host: TurnHost): Promise<TurnOutput>;
  ready(): Promise<boolean>;
}

export class LoaderExecutor implements Executor {
  readonly #loader: WorkerLoader;
  readonly #isPure: (about: string) => boolean;

  constructor(loader: WorkerLoader, isPure: (about: string) => boolean) {
    this.#loader = loader;
    this.#isPure = isPure;
  }

  async transpile(
    component: Uint8Array,
    description: ComponentDescription,
  ): Promise<TranspiledFile[]> {
    const digest = await sha256Hex(component);
    return await transpile(this.#loader, component, { digest, description, isPure: this.#isPure });
  }

  async run(modules: ModuleSetRef, input: TurnInput, host: TurnHost): Promise<TurnOutput> {
    const generation = generations.get(modules.digest) ?? 0;
    const guest = this.#guest(modules, generation);
    try {
      return await guest.run(input, host);
    } catch (thrown) {
      if (await this.#starts(guest)) throw thrown;
      // The Loader caches a failed start for as long as the process lives (measured on workerd
      // 1.20261117): the same id would fail for every actor. One retry under the next id.
      generations.set(modules.digest, generation + 1);
      return await this.#guest(modules, generation + 1).run(input, host);
    }
  }

  /** A guest's `run` throws only when its isolate broke; this tells "never started" from "broke now". */
  async #starts(guest: GuestEntrypoint): Promise<boolean> {
    return await guest.ready().catch(() => false);
  }

  #guest(modules: ModuleSetRef, generation: number): GuestEntrypoint {
    const id = `guest ${modules.digest} ${ISOLATE_VERSION} ${generation}`;
    const isolate = this.#loader.get(id, () => isolateCode(modules));
    return isolate.getEntrypoint() as unknown as GuestEntrypoint;
  }
}

/** Moves whenever src/isolate.ts or anything it bundles changes behaviour. */
const ISOLATE_VERSION = "1";

/**
 * Failed starts by module set, since this isolate began. Not a lock and not a turn's state: losing it
 * costs one more failed start.
 */
const generations = new Map<string, number>();

async function isolateCode(modules: ModuleSetRef): Promise<WorkerLoaderWorkerCode> {
  const { set, read } = await modules.load();
  const files = await Promise.all(
    set.files.map(
      async ({ name, digest }) => [`component:${name}`, name, await read(digest)] as const,
    ),
  );
  const code: WorkerLoaderWorkerCode["modules"] = {
    "isolate.js": { js: isolateSource },
    "component:description.json": { json: set.description },
  };
  for (const [specifier, name, bytes] of files) {
    code[specifier] = name.endsWith(".wasm") ? { wasm: bytes } : { js: toUtf8(bytes) };
  }
  return { ...ISOLATE_BASE, mainModule: "isolate.js", modules: code };
}
