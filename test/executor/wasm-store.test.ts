// Goal: a store that is used again is one that was just made, whatever ran in it; where that cannot be had, it says so.
// Method: core modules from text, made to export their state as at an upload, changed in every way that code can change
// anything, and then looked at by code that tells all of it.

import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import fc from "fast-check";
import { expect, test } from "vitest";
import { exportState } from "../../src/executor/core-state.ts";
import { WasmStore } from "../../src/executor/wasm-store.ts";

type Exports = Record<string, (...args: unknown[]) => unknown>;
type Imports = Record<string, Record<string, unknown>>;

// The project's types are workerd's, and workerd compiles nothing. This is Node.
const compiler = WebAssembly as unknown as {
  Module: new (bytes: Uint8Array) => WebAssembly.Module;
};

async function open(wat: string): Promise<WebAssembly.Module> {
  const bytes = exportState(await parse(wat));
  if (bytes === undefined) throw new Error("it has state that cannot be exported");
  return new compiler.Module(bytes);
}

/** As jco's glue does it. Undefined where the store says that it cannot be used. */
function link(
  store: WasmStore,
  modules: readonly WebAssembly.Module[],
  imports: Imports = {},
): Exports | undefined {
  if (!store.begin()) return undefined;
  let all = imports;
  for (const module of modules) {
    all = { ...all, before: { ...store.instance(module, pick(module, all)).exports } };
  }
  store.end();
  return all["before"] as Exports;
}

function pick(module: WebAssembly.Module, all: Imports): Imports {
  const picked: Imports = {};
  const listed = WebAssembly as unknown as {
    Module: { imports(module: WebAssembly.Module): { module: string; name: string }[] };
  };
  for (const { module: from, name } of listed.Module.imports(module)) {
    (picked[from] ??= {})[name] = all[from]?.[name];
  }
  return picked;
}

/** Holds a memory, a table and globals of its own, half of them not exported by itself; the other imports them. */
const HOLDER = `(module
  (memory (export "memory") 1 3) (memory $hidden 1 2)
  (table (export "table") 6 9 funcref) (table $other 4 4 externref)
  (global (export "global") (mut i32) (i32.const 7)) (global $wide (mut i64) (i64.const -5))
  (global $exact (mut f64) (f64.const 0.5)) (global $ref (mut funcref) (ref.func $one)) (global $fixed i32 (i32.const 9))
  (func $one (export "one") (result i32) i32.const 1)
  (func $two (export "two") (result i32) i32.const 2)
  (elem (i32.const 1) $one $two) (elem declare func $one $two)
  (data (memory 0) (i32.const 10) "beginning") (data (memory $hidden) (i32.const 65500) "hidden")
  (func (export "write") (param i32 i32) (i32.store8 $hidden (local.get 0) (local.get 1)))
  (func (export "look") (param i32) (result i32) (i32.load8_u $hidden (local.get 0)))
  (func (export "set-wide") (param i64) (global.set $wide (local.get 0)))
  (func (export "wide") (result i64) (global.get $wide))
  (func (export "set-exact") (param f64) (global.set $exact (local.get 0)))
  (func (export "exact") (result f64) (global.get $exact))
  (func (export "set-ref") (global.set $ref (ref.func $two)))
  (func (export "clear-ref") (global.set $ref (ref.null func)))
  (func (export "has-ref") (result i32) (ref.is_null (global.get $ref)))
  (func (export "keep") (param i32 externref) (table.set $other (local.get 0) (local.get 1)))
  (func (export "kept") (param i32) (result externref) (table.get $other (local.get 0)))
  (func (export "grow-hidden") (result i32) (memory.grow $hidden (i32.const 1))))`;
const USER = `(module
  (import "before" "memory" (memory 1)) (import "before" "table" (table 6 funcref))
  (import "before" "global" (global $global (mut i32))) (import "before" "two" (func $two (result i32)))
  (import "host" "say" (func $say (param i32) (result i32)))
  (global $own (mut i32) (i32.const 3)) (elem declare func $two)
  (func (export "set-own") (param i32) (global.set $own (local.get 0)))
  (func (export "own") (result i32) (global.get $own))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "set-global") (param i32) (global.set $global (local.get 0)))
  (func (export "get-global") (result i32) (global.get $global))
  (func (export "set-table") (param i32) (table.set (local.get 0) (ref.func $two)))
  (func (export "clear-table") (param i32) (table.set (local.get 0) (ref.null func)))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
  (func (export "fill") (memory.fill (i32.const 0) (i32.const 255) (i32.const 65536)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "grow-table") (result i32) (table.grow (ref.null func) (i32.const 1)))
  (func (export "ask") (param i32) (result i32) (call $say (local.get 0))))`;

const ADDRESSES = [0, 10, 4096, 65_502, 65_535];
const byte = fc.nat(255);
const deed = fc.oneof(
  fc.tuple(fc.constantFrom("store", "write"), fc.constantFrom(...ADDRESSES), byte),
  fc.tuple(fc.constantFrom("set-global", "set-own"), byte),
  fc.tuple(fc.constant("set-wide"), fc.bigInt({ min: -9n, max: 9n })),
  fc.tuple(fc.constant("set-exact"), fc.constantFrom(Number.NaN, -0, 1 / 3, Infinity)),
  fc.tuple(fc.constantFrom("set-table", "clear-table"), fc.nat(5)),
  fc.tuple(fc.constantFrom("set-ref", "clear-ref", "fill")),
  fc.tuple(fc.constant("keep"), fc.nat(3), fc.constantFrom({ secret: 1 }, "secret", null)),
  fc.tuple(fc.constant("call"), fc.nat(5)), // traps at the empty ones
);
const growth = fc.constantFrom(null, null, null, ["grow"], ["grow-table"], ["grow-hidden"]);

const outcome = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (thrown) {
    return String(thrown);
  }
};

/** All that code can find out. */
function told(exports: Exports, holder: Exports): unknown[] {
  const range = (length: number): number[] => Array.from({ length }, (_, n) => n);
  const memory = holder["memory"] as unknown as WebAssembly.Memory;
  return [
    Buffer.from(memory.buffer).toString("base64"),
    [...ADDRESSES, ...range(65).map((n) => n * 1009)].map((n) => holder["look"]?.(n)),
    range(4).map((n) => holder["kept"]?.(n)),
    range(9).map((n) => outcome(() => exports["call"]?.(n))),
    ...["wide", "exact", "has-ref"].map((name) => holder[name]?.()),
    exports["get-global"]?.(),
    exports["own"]?.(),
  ];
}

test("a store that is used again is as one that was just made, or is not used again", async () => {
  const modules = [await open(HOLDER), await open(USER)];
  const host = { host: { say: (n: unknown) => n } };
  // The glue gives the first instance's exports on; here they are looked at beside the second's.
  const opened = (store: WasmStore): { user: Exports; holder: Exports } | undefined => {
    if (!store.begin()) return undefined;
    const holder = store.instance(modules[0] as WebAssembly.Module).exports as unknown as Exports;
    const imports = pick(modules[1] as WebAssembly.Module, { ...host, before: holder });
    const user = store.instance(modules[1] as WebAssembly.Module, imports).exports;
    store.end();
    return { user: user as unknown as Exports, holder };
  };
  const fresh = opened(new WasmStore());
  if (fresh === undefined) throw new Error("a new store links");
  const pristine = told(fresh.user, fresh.holder);
  let kept = 0;
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 20 }), growth, (deeds, grows) => {
      const store = new WasmStore();
      const first = opened(store);
      for (const [name, ...args] of [...deeds, ...(grows === null ? [] : [grows])]) {
        const fn = first?.user[String(name)] ?? first?.holder[String(name)];
        outcome(() => fn?.(...args));
      }
      const second = opened(store);
      expect(second === undefined).toBe(grows !== null);
      if (second === undefined) return;
      kept++;
      expect(second.holder).toBe(first?.holder); // it is really the same
      expect(told(second.user, second.holder)).toEqual(pristine);
    }),
    { numRuns: 60 },
  );
  expect(kept).toBeGreaterThan(10);
});

test("an instance calls the functions that it was given last", async () => {
  const modules = [await open(HOLDER), await open(USER)];
  const store = new WasmStore();
  const asked = (answer: number): unknown =>
    link(store, modules, { host: { say: () => answer } })?.["ask"]?.(0);
  expect([asked(1), asked(2), asked(3)]).toEqual([1, 2, 3]);
});

test("what called its imports while it was linked is linked anew", async () => {
  const wat = `(module (import "host" "say" (func $say (param i32) (result i32)))
    (func $start (drop (call $say (i32.const 1)))) (start $start) (func (export "ask")))`;
  const modules = [await open(wat)];
  const store = new WasmStore();
  expect(link(store, modules, { host: { say: () => 0 } })).toBeDefined();
  expect(link(store, modules, { host: { say: () => 0 } })).toBeUndefined();
  // Whereas a beginning that asks nobody is done once, and what it wrote is part of the pristine state.
  const silent = `(module (global $n (mut i32) (i32.const 0)) (func $start (global.set $n (i32.const 5))) (start $start)
    (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`;
  const own = new WasmStore();
  const next = [await open(silent)];
  expect([0, 1].map(() => link(own, next)?.["next"]?.())).toEqual([6, 6]);
});

test("glue that links otherwise gets nothing", async () => {
  const modules = [await open(HOLDER), await open(USER)];
  const imports = { host: { say: () => 0 } };
  for (const [others, given] of [
    [[...modules, ...modules], imports],
    [modules.slice(0, 1), imports],
    [modules.toReversed(), imports],
    [modules, { host: { say: new WebAssembly.Global({ value: "i32" }, 1) } }],
  ] as const) {
    const store = new WasmStore();
    link(store, modules, imports);
    expect(outcome(() => link(store, others, given))).toContain("does not link as it did before");
    expect(store.linksOtherwise).toBe(true);
  }
});

test("globals of the glue begin again", () => {
  const store = new WasmStore();
  const made = (): WebAssembly.Global => {
    expect(store.begin()).toBe(true);
    const global = store.global({ value: "i32", mutable: true }, 1);
    store.end();
    return global;
  };
  const first = made();
  first.value = 8;
  const second = made();
  expect(second).toBe(first);
  expect(second.value).toBe(1);
});

test.each([
  ["memory above what is worth copying", `(module (memory 65))`],
  ["a table of many entries", `(module (table 8193 funcref))`],
  ["a vector", `(module (global (mut v128) (v128.const i64x2 1 2)))`],
  ["a NaN whose bits JavaScript may lose", `(module (global (mut f64) (f64.const nan:0x123)))`],
])("%s is not restored", async (_, wat) => {
  const modules = [await open(wat)];
  const store = new WasmStore();
  expect(link(store, modules)).toBeDefined();
  expect(link(store, modules)).toBeUndefined();
});

test("a module that may drop a segment, or uses the names of exported state, stays as it is", async () => {
  const hidden = [
    `(module (memory 1) (data $d "x") (func (data.drop $d)))`,
    `(module (table 1 funcref) (func $f) (elem $e func $f) (func (elem.drop $e)))`,
    `(module (memory (export "theater:state/0") 1))`,
  ];
  for (const wat of hidden) expect(exportState(await parse(wat))).toBeUndefined();
  // The same instruction with a longer number: fc 89 00.
  const drops = await parse(hidden[0] ?? "");
  const at = drops.findLastIndex((one, n) => one === 0xfc && drops[n + 1] === 9);
  const longer = Buffer.concat([
    drops.subarray(0, at + 1),
    Buffer.of(0x89, 0),
    drops.subarray(at + 2),
  ]);
  for (const size of [at - 2, at - 4]) longer[size] = (longer[size] ?? 0) + 1; // of the body and of its section
  expect(() => new compiler.Module(longer)).not.toThrow();
  expect(exportState(longer)).toBeUndefined();
  // Whereas segments alone hide nothing, and neither does the number in another place.
  const plain = `(module (memory 1) (data $d "x") (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))))`;
  expect(exportState(await parse(plain))).toBeDefined();
  expect(exportState(await parse(`(module (func (export "f")))`))).toBeDefined();
});

test("a store that rests keeps neither its last turn nor a memory that it cannot give back", async () => {
  const modules = [await open(HOLDER), await open(USER)];
  const store = new WasmStore();
  const exports = link(store, modules, { host: { say: () => 1 } });
  expect(store.rest()).toBe(true);
  expect(outcome(() => exports?.["ask"]?.(0))).toContain("between two turns");
  expect(link(store, modules, { host: { say: () => 2 } })?.["ask"]?.(0)).toBe(2);
  link(store, modules, { host: { say: () => 1 } })?.["grow"]?.();
  expect(store.rest()).toBe(false);
  const large = new WasmStore();
  link(large, [await open(`(module (memory 65))`)]);
  expect(large.rest()).toBe(false);
});

test("what would cost more to export than a new instance stays as it is", async () => {
  const many = (n: number, one: string): string => `(module ${one.repeat(n)})`;
  const global = "(global (mut i32) (i32.const 0))";
  expect(exportState(await parse(many(1_000, global)))).toBeDefined();
  expect(exportState(await parse(many(1_001, global)))).toBeUndefined();
  // A name may be longer than any that Theater reads.
  expect(exportState(await parse(`(module (func (export "${"x".repeat(600)}")))`))).toBeDefined();
});
