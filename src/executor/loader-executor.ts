// Runs components in isolates that the Worker Loader starts. The default executor.

import isolateSource from "../../build/isolate.txt";
import { toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { BatchCheck } from "./batch-answers.ts";
import type {
  BatchHost,
  Executor,
  ModuleSetRef,
  TranspiledFile,
  TurnHost,
  TurnInput,
  TurnOutput,
} from "./executor.ts";
import { GuestCheck } from "./guest-answers.ts";
import { ISOLATE_BASE } from "./isolate-options.ts";
import { makeModuleSet } from "./module-index.ts";
import { roughBytes } from "./recorder.ts";
import { ScriptHost, type ScriptedOutput, type ScriptedTurn } from "./script.ts";
import { sha256Hex, transpile, TRANSPILER } from "./transpile.ts";
import type { ComponentDescription } from "./wit-type.ts";

interface GuestEntrypoint {
  run(input: TurnInput, host: TurnHost | null): Promise<unknown>;
  runBatch(turns: readonly TurnInput[], host: BatchHost | null): Promise<unknown>;
  runScripted(turns: readonly ScriptedTurn[]): Promise<unknown>;
  ready(): Promise<boolean>;
}

export class LoaderExecutor implements Executor {
  readonly bundled = [];
  readonly loads = true;
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
    const isPure = this.#isPure;
    const files = await transpile(this.#loader, component, { description, isPure });
    await this.#checkLoads(await sha256Hex(component), description, files);
    return files;
  }

  /**
   * What jco takes may still be refused by the engine. Better at upload than in every turn. It is the isolate that the
   * first turns will want, under the name that they call it by, so that nothing of it is read or started again.
   */
  async #checkLoads(
    component: string,
    description: ComponentDescription,
    files: readonly TranspiledFile[],
  ): Promise<void> {
    const { digest } = makeModuleSet({ component, transpiler: TRANSPILER, description }, files);
    const id = guestId({ digest }, LIVE, generations.get(digest) ?? 0);
    const code = isolateCode(description, files);
    const isolate = this.#loader.get(id, () => code);
    try {
      await (isolate.getEntrypoint() as unknown as GuestEntrypoint).ready();
    } catch (thrown) {
      const cause = thrown instanceof Error ? thrown.message : String(thrown);
      throw new TheaterError(
        "transpile-failed",
        `The runtime cannot load the transpiled component; rename its exports or build it with older features: ${cause}`,
      );
    }
  }

  async run(modules: ModuleSetRef, input: TurnInput, host: TurnHost): Promise<TurnOutput> {
    const { hostCallsMax } = input;
    const check = new GuestCheck({ hostCallsMax, isPure: this.#isPure });
    try {
      return check.output(await this.#run(modules, input, check, host));
    } finally {
      check.close();
    }
  }

  async runBatch(
    modules: ModuleSetRef,
    turns: readonly TurnInput[],
    host: BatchHost,
  ): Promise<TurnOutput[]> {
    const check = new BatchCheck(turns, this.#isPure);
    const door = asksNobody.has(modules.digest) ? null : check.door(host);
    const run = (guest: GuestEntrypoint): Promise<unknown> => guest.runBatch(turns, door);
    try {
      return check.outputs(await this.#tryTwice(modules, LIVE, run, () => check.calledHost));
    } finally {
      check.close();
    }
  }

  async runScripted(
    modules: ModuleSetRef,
    turns: readonly ScriptedTurn[],
  ): Promise<ScriptedOutput[]> {
    const given = turns.map((turn) => this.#forHost(turn));
    const [first] = given;
    if (first !== undefined && given.length === 1 && sizeOf(first) > SCRIPT_BYTES_MAX) {
      return [await this.#runLong(modules, first)];
    }
    const outputs: unknown = await this.#tryTwice(
      modules,
      SCRIPTED,
      (guest) => guest.runScripted(given),
      () => false,
    );
    if (!Array.isArray(outputs) || outputs.length === 0 || outputs.length > turns.length) {
      throw new TheaterError("host-failure", "The isolate ran other turns: upload it again.");
    }
    return outputs.map((output: unknown, index) => {
      const hostCallsMax = turns[index]?.input.hostCallsMax ?? 0;
      return new GuestCheck({ hostCallsMax, isPure: this.#isPure }).scripted(output);
    });
  }

  /** What the isolate answers itself need not cross. */
  #forHost({ input, answers }: ScriptedTurn): ScriptedTurn {
    const isPure = this.#isPure;
    return { input, answers: answers.map((one) => (one && isPure(one.about) ? null : one)) };
  }

  /** A turn whose answers are more than one call should carry gets each when it asks. */
  async #runLong(modules: ModuleSetRef, { input, answers }: ScriptedTurn): Promise<ScriptedOutput> {
    const host = new ScriptHost(answers);
    const { outcome, answered } = await this.run(modules, input, host);
    host.take(answered);
    return { outcome, calls: host.calls };
  }

  async #run(
    modules: ModuleSetRef,
    input: TurnInput,
    check: GuestCheck,
    host: TurnHost,
  ): Promise<unknown> {
    const door = asksNobody.has(modules.digest) ? null : check.door(host);
    const run = (guest: GuestEntrypoint): Promise<unknown> => guest.run(input, door);
    const output = await this.#tryTwice(modules, LIVE, run, () => check.calledHost);
    const says = output as { asksHost?: unknown } | null | undefined;
    if (says?.asksHost === false) asksNobody.add(modules.digest);
    return output;
  }

  async #tryTwice(
    modules: ModuleSetRef,
    use: string,
    run: (guest: GuestEntrypoint) => Promise<unknown>,
    hasActed: () => boolean,
  ): Promise<unknown> {
    const generation = generations.get(modules.digest) ?? 0;
    const guest = this.#guest(modules, use, generation);
    try {
      return await run(guest);
    } catch (thrown) {
      if (hasActed() || (await this.#starts(guest))) throw thrown;
      // The Loader caches a failed start for as long as the process lives (measured on workerd
      // 1.20261117): the same id would fail for every actor. One retry under the next id; after that
      // only where the files could not be read, because code that does not start never will, and each
      // id is an isolate more.
      if (generation > 0 && !unread.has(guestId(modules, use, generation))) throw thrown;
      generations.set(modules.digest, generation + 1);
      return await run(this.#guest(modules, use, generation + 1));
    }
  }

  /** A guest's `run` throws only when its isolate broke; this tells "never started" from "broke now". */
  async #starts(guest: GuestEntrypoint): Promise<boolean> {
    return await guest.ready().catch(() => false);
  }

  #guest(modules: ModuleSetRef, use: string, generation: number): GuestEntrypoint {
    const id = guestId(modules, use, generation);
    const isolate = this.#loader.get(id, async () => {
      try {
        return await loadCode(modules);
      } catch (thrown) {
        unread.add(id);
        throw thrown;
      }
    });
    return isolate.getEntrypoint() as unknown as GuestEntrypoint;
  }
}

/** Turns of actors and turns by a script run in isolates of their own: no batch delays a live turn. */
const [LIVE, SCRIPTED] = ["guest", "replay"];

function guestId(
  { digest }: Pick<ModuleSetRef, "digest">,
  use: string,
  generation: number,
): string {
  return `${use} ${digest} ${ISOLATE_VERSION} ${generation}`;
}

/** What one batch carries into its isolate, roughly. RPC takes 32 MiB. */
const SCRIPT_BYTES_MAX = 8 * 1024 * 1024;

/** A large answer is bytes or a text, and so is a large state. */
function sizeOf({ input, answers }: ScriptedTurn): number {
  const results = answers.map((one) => (one && "result" in one.answer ? one.answer.result : null));
  return roughBytes([...input.params, ...results]);
}

/** Moves whenever src/isolate.ts or anything it bundles changes behaviour. */
const ISOLATE_VERSION = "20";

/**
 * Failed starts by module set, since this isolate began. Not a lock and not a turn's state: losing it
 * costs one more failed start.
 */
const generations = new Map<string, number>();

/**
 * Module sets whose isolates say that they never ask the host. A stub of a door costs a tenth of a short turn (measured,
 * 2026-11-23); an isolate that lies about it does without, and so harms itself.
 */
const asksNobody = new Set<string>();

/** Ids whose files could not be read when they were to start. */
const unread = new Set<string>();

async function loadCode(modules: ModuleSetRef): Promise<WorkerLoaderWorkerCode> {
  const { set, read } = await modules.load();
  const files = await Promise.all(
    set.files.map(async ({ name, digest }) => ({ name, bytes: await read(digest) })),
  );
  return isolateCode(set.description, files);
}

function isolateCode(
  description: ComponentDescription,
  files: readonly TranspiledFile[],
): WorkerLoaderWorkerCode {
  const code: WorkerLoaderWorkerCode["modules"] = {
    "isolate.js": { js: isolateSource },
    "component:description.json": { json: description },
  };
  for (const { name, bytes } of files) {
    code[`component:${name}`] = name.endsWith(".wasm") ? { wasm: bytes } : { js: toUtf8(bytes) };
  }
  return { ...ISOLATE_BASE, mainModule: "isolate.js", modules: code };
}
