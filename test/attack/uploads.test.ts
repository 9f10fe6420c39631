// Goal: no bytes that anybody uploads get past the right refusal, run outside of the sandbox, or harm
// what runs already. Method: a real server; after each group an actor of another component still works.

import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { quickjsComponent } from "../executor/components.ts";
import { componentOf, HOSTILE_WIT, smallActor, TINY } from "./hostile-guest.ts";
import { Stage } from "./stage.ts";

let stage: Stage;
let bystander: string;

beforeAll(async () => {
  stage = await Stage.start();
  bystander = await stage.actor(TINY);
}, 60_000);

afterAll(async () => {
  await stage.end();
});

afterEach(async () => {
  const reply = await stage.request(bystander, "x");
  if (!(reply instanceof Uint8Array)) throw new Error(`the bystander is harmed: ${reply.detail}`);
  if (stage.notes.length > 0) throw new Error(`the server reported ${stage.notes.join(" ")}`);
});

const G = `(func (export "g") (param i32) (result i32) local.get 0)`;

/** A component of one function, `f`, around a core module with these fields. */
function around(fields: string, { core = "g", name = "f" } = {}): string {
  return `(component (core module $m ${fields}) (core instance $i (instantiate $m))
    (func (export "${name}") (param "v" u32) (result u32) (canon lift (core func $i "${core}"))))`;
}

async function codeOf(bytes: Uint8Array | string): Promise<string> {
  const uploaded = await stage.upload(typeof bytes === "string" ? await parse(bytes) : bytes);
  return typeof uploaded === "string" ? "taken" : uploaded.code;
}

// jco-transpile 0.15.0 writes such a name between single quotes as it is.
test.for([
  ["a quote", "x']; globalThis.evil = 1; exports0['x"],
  ["a line break", "x\\n"],
  ["a backslash", "x\\\\"],
  ["a template", "`${1}`"],
  ["a comment's end", "*/ evil() /*"],
  ["U+2028", "\\u{2028}"],
])("a core export or import with %s in its name is refused", async ([, name]) => {
  const g = `(func (export "${name}") (param i32) (result i32) local.get 0)`;
  expect(await codeOf(around(g, { core: name }))).toBe("bad-component");
  expect(
    await codeOf(`(component (core module $a (func (export "f")))
      (core module $m (import "${name}" "f" (func)) ${G})
      (core instance $ai (instantiate $a))
      (core instance $i (instantiate $m (with "${name}" (instance $ai))))
      (func (export "f") (param "v" u32) (result u32) (canon lift (core func $i "g"))))`),
  ).toBe("bad-component");
});

test.for<[string, string, string]>([
  ["memory that threads share", "(memory 1 1 shared)", "bad-component"],
  ["memory of 64 bits", "(memory i64 1)", "bad-component"],
  ["memory of 4 GiB", "(memory 65536)", "too-large"],
  ["two memories", "(memory 1) (memory 1)", "transpile-failed"],
  ["a table of ten million", "(table 10000000 funcref)", "too-large"],
  ["garbage-collected structs", "(type $s (struct (field i32)))", "bad-component"],
  ["garbage-collected arrays", "(type $s (array i8))", "bad-component"],
  ["exceptions", "(tag)", "bad-component"],
  ["an imported tag", `(import "a" "b" (tag))`, "bad-component"],
])("%s cannot be had", async ([, fields, code]) => {
  const wat = fields.startsWith("(import")
    ? `(component (core module $m ${fields} ${G}))`
    : around(`${fields} ${G}`);
  expect(await codeOf(wat)).toBe(code);
});

test("many instances share what memory one may have", async () => {
  const twice = (pages: number): string => `(component
    (core module $m (memory ${pages}) ${G})
    (core instance $a (instantiate $m)) (core instance $i (instantiate $m))
    (func (export "f") (param "v" u32) (result u32) (canon lift (core func $i "g"))))`;
  expect(await codeOf(twice(512))).toBe("taken");
  expect(await codeOf(twice(513))).toBe("too-large");
});

test.for(["default", "constructor", "then", "eval"])("an export may be called %s", async (name) => {
  expect(await codeOf(around(G, { name }))).toBe("taken");
});

// jco makes JavaScript of these that no engine takes.
test.for(["arguments", "exports0"])("an export called %s is refused at upload", async (name) => {
  expect(await codeOf(around(G, { name }))).toBe("transpile-failed");
});

test.for<[string, string | Uint8Array, string]>([
  ["nothing", new Uint8Array(), "not-wasm"],
  ["a text", new TextEncoder().encode("#!/bin/sh\n"), "not-wasm"],
  ["a core module", "(module)", "core-module"],
  ["zeros, 8 MiB", new Uint8Array(8 * 1024 * 1024), "not-wasm"],
  [
    "WASI",
    `(component (import "wasi:cli/exit@0.2.0" (instance (export "exit" (func)))))`,
    "unknown-import",
  ],
  [
    "a known name with a version",
    `(component (import "theater:simple/runtime@1.0.0" (instance (export "log" (func (param "msg" string))))))`,
    "unknown-import",
  ],
  [
    "a function that no handler has",
    `(component (import "theater:simple/runtime" (instance (export "exec" (func (param "msg" string))))))`,
    "unknown-import",
  ],
  [
    "log with a number",
    `(component (import "theater:simple/runtime" (instance (export "log" (func (param "n" u32))))))`,
    "unknown-import",
  ],
  [
    "a name too long for an event",
    `(component (import "a:b/${"c".repeat(130)}" (instance (export "f" (func)))))`,
    "bad-component",
  ],
  [
    "a function called constructor",
    `(component (import "a:b/c" (instance (export "constructor" (func)))))`,
    "unknown-import",
  ],
])("%s: refused", async ([, bytes, code]) => {
  expect(await codeOf(bytes)).toBe(code);
});

test("a component cut anywhere is refused, and cut between two sections it is no actor", async () => {
  const codes = new Set<string>();
  for (let length = 8; length < TINY.length; length += 1 + Math.floor(TINY.length / 150)) {
    const uploaded = await stage.upload(TINY.slice(0, length));
    codes.add(typeof uploaded === "string" ? "taken" : uploaded.code);
    if (typeof uploaded !== "string") continue;
    expect(await stage.start(uploaded)).toMatchObject({ code: "not-an-actor" });
  }
  codes.delete("taken");
  codes.delete("transpile-failed");
  expect([...codes].sort()).toEqual(["truncated-component"]);
});

/** What may become of bytes that somebody has changed. */
const FATES = [
  "verified",
  "bad-component",
  "core-module",
  "not-an-actor",
  "not-wasm",
  "too-large",
  "transpile-failed",
  "truncated-component",
  "unknown-import",
  "guest-trap",
  "guest-error",
  "limit-exceeded",
];

/** As far as they get: a refusal's code, or the verdict on the chain of an actor that ran. */
async function fateOf(bytes: Uint8Array): Promise<string> {
  const uploaded = await stage.upload(bytes);
  if (typeof uploaded !== "string") return uploaded.code;
  const started = await stage.start(uploaded);
  if (typeof started !== "string") return started.code;
  const reply = await stage.request(started, "x");
  return reply instanceof Uint8Array ? await stage.verdict(started) : reply.code;
}

/** The same numbers in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return Math.floor((state / 0x8000_0000) * below);
  };
}

function changed(whole: Uint8Array, draw: (below: number) => number): Uint8Array {
  const bytes = whole.slice();
  for (let left = 1 + draw(3); left > 0; left--) bytes[draw(bytes.length)] = draw(256);
  return bytes;
}

test("a component with changed bytes is refused or runs; nothing in between", async () => {
  const draw = random(7);
  for (let n = 0; n < 40; n++) expect(FATES).toContain(await fateOf(changed(TINY, draw)));
}, 30_000);

test("so is a QuickJS component with changed bytes", async () => {
  const js = `export const actor = { init: (state) => [state] };
    export const messageServerClient = {
      handleSend: (state) => [state], handleRequest: (state) => [state, [new Uint8Array(0)]] };`;
  const witSource = HOSTILE_WIT.replace(/world hostile.*\n/, "").replace("import runtime; ", "");
  const whole = await quickjsComponent(witSource, js);
  expect(await fateOf(whole)).toBe("verified");
  const draw = random(11);
  for (let n = 0; n < 3; n++) expect(FATES).toContain(await fateOf(changed(whole, draw)));
}, 60_000);

const NOW_WIT = HOSTILE_WIT.replace(
  "world tiny { import runtime;",
  "interface timing { now: func() -> u64; }\nworld tiny { import runtime; import timing;",
);
const START_ABOUT = `(import "theater:simple/timing" "now" (func $now (result i64)))`;

// An instance is prepared ahead of its turn where that is possible. These two cannot be.
test.for([
  ["in a start function", `(func $s (drop (call $now))) (start $s)`],
  ["in _initialize", `(func (export "_initialize") (drop (call $now)))`],
])("a component that calls an import %s does so in each turn, recorded", async ([, more]) => {
  const wat = smallActor({ more }).replace("(memory", `${START_ABOUT}\n(memory`);
  const id = await stage.actor(await componentOf(wat, { witSource: NOW_WIT }));
  for (let n = 0; n < 3; n++) expect(await stage.request(id, "x")).toEqual(new Uint8Array());
  const events = (await stage.chain(id)).map(({ event }) => `${event.turn} ${event.about}`);
  for (let turn = 1; turn <= 4; turn++) {
    expect(events.filter((event) => event === `${turn} theater:simple/timing#now`).length).toBe(1);
  }
  expect(await stage.verdict(id)).toBe("verified");
});

test.for([
  ["traps", "(func $s unreachable) (start $s)"],
  ["reads beyond its memory", "(func $s (drop (i32.load (i32.const -1)))) (start $s)"],
])("a component whose start function %s makes a failed actor", async ([, more]) => {
  const component = await stage.upload(await componentOf(smallActor({ more })));
  for (let n = 0; n < 2; n++) {
    expect(await stage.start(component as string)).toMatchObject({
      code: "guest-trap",
      detail: "start: start",
    });
  }
});

test("a start function that computes a while delays nobody's later turn", async () => {
  const more = `(func $s (local $i i32) (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000000))))) (start $s)`;
  const id = await stage.actor(await componentOf(smallActor({ more })));
  expect(await stage.request(id, "x")).toEqual(new Uint8Array());
});

test("the same component again is the same component", async () => {
  const [first, second] = [await stage.upload(TINY), await stage.upload(TINY)];
  expect(first).toBe(second);
});

test("more than 8 MiB are refused, however they come", async () => {
  // It has an end: where the connection breaks at the wrong moment, Node's fetch goes on taking chunks, and an
  // endless body took all memory of the machine (20 GB in a minute).
  let left = 64;
  const body = new ReadableStream({
    pull(controller) {
      if (left-- === 0) controller.close();
      else controller.enqueue(new Uint8Array(1024 * 1024));
    },
  });
  const init = { method: "PUT", body, duplex: "half" } as RequestInit;
  // The connection may break while the body is still on its way.
  const answered = stage
    .ask("/v1/components", init)
    .then(async (response) => await response.text());
  expect(await answered.catch(() => '"code":"too-large"')).toContain('"code":"too-large"');
});
