// Goal: an environment means nothing to the instances that are made in it, one after the other. Method: jco's output
// for components of every kind is changed once more, so that it tells all that it holds at the moment where the
// component begins; a second instance must find exactly what the first found, whatever that one did.

import { generate } from "@bytecodealliance/jco/component";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { Environment } from "../../src/executor/instances.ts";
import { exportState } from "../../src/executor/core-state.ts";
import { lean } from "../../src/executor/lean-glue.ts";
import { reusable } from "../../src/executor/reusable-glue.ts";
import { WasmStore } from "../../src/executor/wasm-store.ts";
import { dummyComponent, quickjsComponent, RICH_WIT } from "./components.ts";

type Exports = Record<string, Record<string, (...args: unknown[]) => unknown>>;

const FIXTURES = join(import.meta.dirname, "../fixtures");
// The project's types are workerd's, and workerd compiles nothing. This is Node.
const compiler = WebAssembly as unknown as {
  Module: new (bytes: Uint8Array) => WebAssembly.Module;
};

const WIT = `
package test:glue;
interface host { log: func(line: string); wait: func(n: u32) -> result<string, string>; }
interface guest { run: func(line: string) -> result<string, string>; }
world glue { import host; export guest; }`;
const JS = `
import { log, wait } from "test:glue/host";
export const guest = {
  run(line) { log(line); if (line === "bad") throw "bad"; return wait(7) + line; },
};`;

interface Opened {
  start: (imports: Exports) => Exports;
  /** Lets go of the instance; the names of what is held all the same, null where it cannot. */
  rest: () => string[] | null;
  /** What was held when a component began, one for each. */
  seen: string[];
  /** Whether the wasm of an instance was that of the one before, put back; the first is new. */
  restored: boolean[];
}

/** Without JSPI, which Node does not have yet: what jco writes into every instance is the same. */
async function jcoOutput(component: Uint8Array): Promise<Map<string, Uint8Array>> {
  const { files } = await generate(component, {
    name: "component",
    noTypescript: true,
    noNodejsCompat: true,
    instantiation: { tag: "sync" },
    base64Cutoff: 0,
    map: [],
  });
  return new Map(files);
}

async function open(component: Uint8Array): Promise<Opened> {
  const files = await jcoOutput(component);
  const glue = reusable(
    lean(new TextDecoder().decode(files.get("component.js")), () => false),
    true,
  );
  const [before = ""] = glue.split("return { rest");
  const held = [...before.matchAll(/^let ([\w$, ]+);$/gm)].flatMap(([, list = ""]) =>
    list.split(", "),
  );
  const classes = [...glue.matchAll(/^\s*class ([\w$]+) /gm)].map(([, name]) => name);
  expect(held.length).toBeGreaterThan(10);
  expect(classes.length).toBeGreaterThan(3);
  const statics = classes.map((name) => `Object.entries(${name})`);
  const tells = `globalThis.glueTold({ ${held.join(", ")}, statics: [${statics.join(", ")}] });`;
  const text = glue
    .replace("let gen= (function*", `${tells}\nlet gen= (function*`)
    .replace(
      "return { rest",
      `globalThis.glueHeld = () => ({ ${held.join(", ")} });\nreturn { rest`,
    );
  const seen: string[] = [];
  const restored: boolean[] = [];
  const { instantiate, rest } = (await loaded(text)).environment();
  const core = (name: string) => new compiler.Module(exported(files.get(name)));
  let store = new WasmStore();
  const cores = new Map([...files.keys()].filter(isWasm).map((name) => [name, core(name)]));
  return {
    start(imports) {
      const glueTold = (all: unknown) => seen.push(inspect(all, { depth: 6 }));
      Object.assign(globalThis, { glueTold });
      const isKept = store.begin();
      if (!isKept) (store = new WasmStore()).begin();
      restored.push(isKept);
      const made = instantiate((name) => cores.get(name) as WebAssembly.Module, imports, store);
      store.end();
      return made as Exports;
    },
    rest() {
      if (!rest()) return null;
      const { glueHeld } = globalThis as unknown as { glueHeld: () => Record<string, unknown> };
      const now = Object.entries(glueHeld());
      return now.flatMap(([name, value]) => (value === undefined || value === 0 ? [] : [name]));
    },
    seen,
    restored,
  };
}

const exported = (bytes: Uint8Array = new Uint8Array()): Uint8Array => exportState(bytes) ?? bytes;

async function loaded(text: string): Promise<{ environment: () => Environment }> {
  const folder = await mkdtemp(join(tmpdir(), "theater-glue-"));
  try {
    const path = join(folder, "component.mjs");
    await writeFile(path, text);
    return (await import(pathToFileURL(path).href)) as { environment: () => Environment };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const isWasm = (name: string): boolean => name.endsWith(".wasm");

const outcome = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : thrown;
  }
};

/** What an instance does: each of its functions once, whatever becomes of that. */
function useAll(exports: Exports): unknown[] {
  return Object.values(exports).flatMap((one) =>
    Object.values(one).map((fn) => outcome(() => fn(undefined, ["a", new Uint8Array(3)]))),
  );
}

test.each([
  ["in C", () => readFile(join(FIXTURES, "tiny.wasm"))],
  ["in C, with every function of the host", () => readFile(join(FIXTURES, "abi.wasm"))],
  ["with resources, variants and flags", () => dummyComponent(RICH_WIT, "shop")],
])("a component %s begins as in an environment of its own", async (_, component) => {
  const { start, seen, rest, restored } = await open(await component());
  const imports = anything();
  const first = useAll(start(imports));
  const second = useAll(start(imports));
  expect(second).toEqual(first);
  expect(restored).toEqual([true, true]);
  expect(seen).toHaveLength(2);
  expect(seen[1]).toBe(seen[0]);
  expect(rest()).toEqual([]);
});

test("an instance in JavaScript finds nothing of the one before, which failed", async () => {
  const { start, seen, restored } = await open(await quickjsComponent(WIT, JS));
  const lines: string[] = [];
  const run = (line: string): unknown => {
    const wait = (n: unknown): string => `${String(n)} `;
    const log = (said: unknown): void => void lines.push(String(said));
    const { guest } = start({ "test:glue/host": { log, wait } });
    return outcome(() => guest?.["run"]?.(line));
  };
  expect([run("one"), run("bad"), run("two")]).toMatchObject(["7 one", expect.anything(), "7 two"]);
  expect(lines).toEqual(["one", "bad", "two"]);
  expect(restored).toEqual([true, true, true]);
  expect(new Set(seen).size).toBe(1);
}, 60_000);

test("what is of no known form is refused", async () => {
  const files = await jcoOutput(await readFile(join(FIXTURES, "tiny.wasm")));
  const glue = new TextDecoder().decode(files.get("component.js"));
  const at = "const ASYNC_STATE = new Map();";
  expect(glue).toContain(at);
  for (const [added, what] of [
    ["globalThis.kept = 1;", "a statement"],
    ["for (const one of []) { one(); }", "a statement"],
    ["let one = 1, two = /}/;", "statements"],
    ["let { one } = kept();", "a statement"],
    ["class Kept { static all = []; }", "a static field"],
    ["class Kept { static { keep(this); } }", "a static field"],
    ["class Kept extends made() { }", "a statement"],
  ] as const) {
    const changed = glue.replace(at, `${at}\n${added}`);
    expect(() => reusable(changed, true)).toThrow(what);
  }
  expect(() =>
    reusable(glue.replace("instantiate(getCoreModule", "begin(getCoreModule"), true),
  ).toThrow("an instantiate");
  expect(() => reusable(glue.slice(0, -40), true)).toThrow("statements");
});

test("a component needs no module between its own and the host, unless it calls as it starts", async () => {
  const files = await jcoOutput(await readFile(join(FIXTURES, "tiny.wasm")));
  const glue = new TextDecoder().decode(files.get("component.js"));
  const instances = (text: string): number => text.split("instantiateCore(module").length - 1;
  expect(instances(glue)).toBe(3);
  const leaner = lean(glue, () => false);
  expect(instances(leaner)).toBe(1);
  expect(leaner).not.toContain("{ _jcoMaySuspend");
  const starting: string[] = [];
  const kept = lean(glue, (core) => starting.push(core) > 0);
  expect(instances(kept)).toBe(3);
  expect(starting).toEqual(["component.core.wasm"]);
  for (const [part, other] of [
    ["$imports: exports0.$imports,", "$imports: exports0.$imports, more: exports0.more,"],
    [
      "log: Object.assign(exports0['0'], { _jcoMaySuspend: false }),",
      "log: exports0['0'], all: exports0,",
    ],
    ["let exports2;", "let exports2; use(() => exports2);"],
  ] as const) {
    expect(glue).toContain(part);
    expect(instances(lean(glue.replace(part, other), () => false))).toBe(3);
  }
});

/** Every interface and every function, which answer nothing. */
function anything(): Exports {
  const functions = new Proxy({}, { get: () => () => undefined });
  return new Proxy({}, { get: () => functions });
}
