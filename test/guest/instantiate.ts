// Runs a built component in Node, without our host: jco transpiles it, and plain functions are its imports.
// Every call to `instantiate` gives a pristine instance, as a turn gets one.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { transpileBytes } from "@bytecodealliance/jco-transpile";

type Bytes = Uint8Array | undefined;

/** The exports of an actor, as jco shows them. */
export interface Instance {
  readonly actor: { init(state: Bytes, params: [string]): [Bytes] };
  readonly messageServerClient: {
    handleSend(state: Bytes, params: [Uint8Array]): [Bytes];
    handleRequest(state: Bytes, params: [string, Uint8Array]): [Bytes, [Bytes]];
  };
  /** Where the actor has it. */
  readonly supervisorHandlers: {
    handleChildError(state: Bytes, params: [string, { errorType: string; data: Bytes }]): [Bytes];
    handleChildExit(state: Bytes, params: [string, Bytes]): [Bytes];
    handleChildExternalStop(state: Bytes, params: [string]): [Bytes];
  };
}

// workers-types, which the project's types come from, know that workerd compiles nothing. This is Node.
const compiler = WebAssembly as unknown as {
  compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
};

/** For each interface, the functions that a test expects, in camel case; any other one throws. */
export type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export async function prepareComponent(
  component: Uint8Array,
): Promise<(imports: Imports) => Instance> {
  const { files } = await transpileBytes(component, { name: "actor", instantiation: "sync" });
  const modules = new Map<string, WebAssembly.Module>();
  for (const [name, bytes] of Object.entries(files)) {
    if (name.endsWith(".wasm")) {
      modules.set(name, await compiler.compile(bytes));
    }
  }
  const dir = await mkdtemp(join(tmpdir(), "theater-guest-"));
  try {
    const script = join(dir, "actor.mjs");
    await writeFile(script, files["actor.js"] ?? "");
    const module = (await import(/* @vite-ignore */ pathToFileURL(script).href)) as {
      instantiate(core: (name: string) => unknown, imports: Imports): Instance;
    };
    return (imports) => module.instantiate((name) => modules.get(name), closed(imports));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A component imports whole interfaces, also the functions that it never calls. */
function closed(imports: Imports): Imports {
  const refuse = (name: string) => () => {
    throw new Error(`the test did not expect a call of ${name}`);
  };
  return Object.fromEntries(
    Object.entries(imports).map(([name, functions]) => [
      name,
      new Proxy(functions, {
        get: (target, key) => target[String(key)] ?? refuse(`${name}#${String(key)}`),
      }),
    ]),
  );
}

/** What the guest answered with `err`; fails where it answered with `ok`. */
export function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("the guest answered with ok");
}

/** The result of a call, or what it threw. */
export function outcomeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (thrown) {
    return thrown;
  }
}
