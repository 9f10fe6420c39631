// Goal: jco's conventions are as src/executor/wit-value.ts has them. Method: values of every type go
// host → guest → host → guest → host through jco's output, with a component on QuickJS that returns
// what it gets by way of an import; what the import saw and what came back must be the value itself.

import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import fc from "fast-check";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import type { Value } from "../../src/chain/value.ts";
import { describeComponent } from "../../src/executor/describe-component.ts";
import type { WitFunction } from "../../src/executor/wit-type.ts";
import { camelCase, fromValue, toValue } from "../../src/executor/wit-value.ts";
import { arbitraryValue } from "./arbitrary-values.ts";
import { quickjsComponent } from "./components.ts";

type Functions = Record<string, (value: unknown) => unknown>;
// The project's types are workerd's, and workerd compiles nothing. This is Node.
const compiler = WebAssembly as unknown as {
  Module: new (bytes: Uint8Array) => WebAssembly.Module;
};

interface Transpiled {
  readonly instantiate: (
    core: (path: string) => WebAssembly.Module,
    imports: Record<string, Functions>,
  ) => Record<string, Functions>;
}

async function transpile(
  component: Uint8Array,
): Promise<(imports: Record<string, Functions>) => Record<string, Functions>> {
  const { files } = await transpileBytes(component, { name: "echo", instantiation: "sync" });
  const folder = await mkdtemp(join(tmpdir(), "theater-echo-"));
  try {
    const path = join(folder, "echo.mjs");
    await writeFile(path, files["echo.js"] ?? "");
    const { instantiate } = (await import(pathToFileURL(path).href)) as Transpiled;
    const core = (name: string) => new compiler.Module(files[name] ?? new Uint8Array());
    return (imports) => instantiate(core, imports);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const TYPES: Record<string, string> = {
  "bool-of": "bool",
  "u8-of": "u8",
  "s8-of": "s8",
  "u16-of": "u16",
  "s16-of": "s16",
  "u32-of": "u32",
  "s32-of": "s32",
  "u64-of": "u64",
  "s64-of": "s64",
  "f32-of": "f32",
  "f64-of": "f64",
  "char-of": "char",
  "string-of": "string",
  "bytes-of": "list<u8>",
  "named-bytes-of": "list<octet>",
  "lists-of": "list<list<u8>>",
  "s8s-of": "list<s8>",
  "u16s-of": "list<u16>",
  "s16s-of": "list<s16>",
  "u32s-of": "list<u32>",
  "s32s-of": "list<s32>",
  "u64s-of": "list<u64>",
  "s64s-of": "list<s64>",
  "f32s-of": "list<f32>",
  "f64s-of": "list<f64>",
  "bools-of": "list<bool>",
  "chars-of": "list<char>",
  "strings-of": "list<string>",
  "option-of": "option<u32>",
  "nested-of": "option<option<u32>>",
  "triple-of": "option<option<option<u8>>>",
  "maybe-of": "option<maybe>",
  "options-of": "list<option<string>>",
  "result-of": "tuple<result<u32, string>>",
  "bare-result-of": "tuple<result>",
  "ok-of": "tuple<result<u8>>",
  "err-of": "tuple<result<_, u8>>",
  "option-result-of": "option<result<option<u8>, string>>",
  "record-of": "point",
  "records-of": "list<point>",
  "words-of": "words",
  "variant-of": "shape",
  "enum-of": "color",
  "flags-of": "perms",
  "many-flags-of": "many",
  "tuple-of": "tuple<u8, string, option<bool>>",
};

const WIT = `
package echo:values@0.1.0;
interface values {
  type octet = u8;
  type maybe = option<string>;
  record point { x-pos: u32, y: f64, inner: option<octet> }
  record words { %constructor: string, default: bool, a1-b2: u8, URL-of: u8, to-json: char }
  variant shape { circle(point), none, dark-green(list<u8>), maybe(option<u8>), outcome(result<u8>) }
  enum color { red, dark-green, URL }
  flags perms { read, write-all, x1, URL-of }
  flags many { ${Array.from({ length: 20 }, (_, i) => `f${i}`).join(", ")} }
  ${Object.entries(TYPES)
    .map(([name, type]) => `${name}: func(v: ${type}) -> ${type};`)
    .join("\n  ")}
}
world echo { import values; export values; }`;

let seen: unknown;
let echo: Functions;
let functions: Readonly<Record<string, WitFunction>>;

beforeAll(async () => {
  const calls = Object.keys(TYPES).map(camelCase);
  const component = await quickjsComponent(
    WIT,
    `import host from "echo:values/values@0.1.0";
    export const values = { ${calls.map((name) => `${name}: (v) => host.${name}(v)`).join(", ")} };`,
  );
  functions = describeComponent(component).exports[0]?.functions ?? {};
  // The import answers with the recorded form of what it saw: the way that a replay takes.
  const imports = Object.fromEntries(
    Object.entries(functions).map(([name, { result }]) => [
      camelCase(name),
      (js: unknown) => {
        seen = toValue(result ?? "bool", js);
        return fromValue(result ?? "bool", seen as Value);
      },
    ]),
  );
  const instance = (await transpile(component))({ "echo:values/values": imports });
  echo = instance["echo:values/values@0.1.0"] ?? {};
}, 60_000);

test.each(Object.keys(TYPES))("%s: its values pass jco and a guest unchanged", (name) => {
  const [, type] = functions[name]?.params[0] ?? [];
  if (type === undefined) throw new Error(`${name} is not described`);
  fc.assert(
    fc.property(arbitraryValue(type, { throughGuest: true }), (value) => {
      const returned = toValue(type, echo[camelCase(name)]?.(fromValue(type, value)));
      expect([seen, returned]).toEqual([value, value]);
    }),
    { numRuns: 30 },
  );
});

// QuickJS keeps integers only to 2^53, so a guest of two instructions shows all 64 bits.
test.each<["u64" | "s64", bigint[]]>([
  ["u64", [0n, 2n ** 53n, 2n ** 63n + 1n, 2n ** 64n - 1n]],
  ["s64", [-(2n ** 63n), -1n, 2n ** 63n - 1n]],
])("%s passes jco with all its bits", async (type, samples) => {
  const component = await parse(`(component
    (core module $m (func (export "f") (param i64) (result i64) local.get 0))
    (core instance $i (instantiate $m))
    (func $f (param "v" ${type}) (result ${type}) (canon lift (core func $i "f")))
    (export "f" (func $f)))`);
  expect(describeComponent(component).exports[0]?.functions["f"]?.result).toBe(type);
  const { f } = (await transpile(component))({}) as unknown as Functions;
  for (const big of samples) {
    expect(toValue(type, f?.(fromValue(type, toValue(type, big))))).toEqual(toValue(type, big));
  }
});
