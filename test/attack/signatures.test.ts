// The host's table of signatures is what wit/ says, and covers what handlers provide.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeComponent } from "../../src/executor/describe-component.ts";
import { HANDLERS, Registry } from "../../src/handlers/registry.ts";
import { checkArguments, checkOutcome, findSignature } from "../../src/handlers/signatures.ts";
import { componentOf, HOSTILE_WIT, smallActor, TINY } from "./hostile-guest.ts";
import { makeSignatures, SIGNATURES } from "./make-signatures.ts";

const registry = new Registry(HANDLERS);

test("signatures.json is what wit/ says (else run test/attack/make-signatures.ts)", async () => {
  expect(JSON.parse(readFileSync(SIGNATURES, "utf8"))).toEqual(JSON.parse(await makeSignatures()));
});

test("every function of a handler has a signature", () => {
  const functions = HANDLERS.flatMap((handler) => [
    ...Object.keys(handler.functions),
    ...Object.keys(handler.pure),
  ]).filter((about) => about.startsWith("theater:"));
  expect(functions.length).toBeGreaterThan(15);
  expect(functions.filter((about) => findSignature(about) === undefined)).toEqual([]);
});

const INIT = "theater:simple/actor#init";
const HANDLE = "theater:simple/message-server-client#handle-request";

test.for<[string, string, string, string]>([
  ["init with a number", INIT, "init: func(n: u32) -> u32;", "(param i32) (result i32)"],
  ["init without a result", INIT, "init: func(n: u32);", "(param i32)"],
  ["handle-request without a state", HANDLE, "handle-request: func() -> u32;", "(result i32)"],
])("%s is refused, because the host would call it otherwise", async ([, about, wit, core]) => {
  const name = about.slice(about.indexOf("#") + 1);
  const witSource = HOSTILE_WIT.replace(new RegExp(`${name}: func.*?;(?= \\}|\\n)`), wit);
  const head = new RegExp(`\\(export "${about}"\\).*?\\(result i32\\)`);
  const wat = smallActor().replace(head, `(export "${about}") ${core}`);
  const fits = core.includes("result")
    ? wat
    : wat.replace(/(#init"\) \(param i32\)) +\(i32.const 0\)/, "$1");
  const description = describeComponent(await componentOf(fits, { witSource }));
  expect(() => registry.checkImports(description)).toThrow(
    expect.objectContaining({ code: "not-an-actor" }),
  );
});

test("an import with another signature is refused, whatever it is called", async () => {
  const witSource = HOSTILE_WIT.replace("log: func(msg: string)", "log: func(msg: u64)");
  const wat = smallActor().replace("(func $log (param i32 i32))", "(func $log (param i64))");
  const description = describeComponent(await componentOf(wat, { witSource }));
  expect(() => registry.checkImports(description)).toThrow(
    expect.objectContaining({ code: "unknown-import" }),
  );
});

test("names of parameters and types may be others than in wit/", async () => {
  const witSource = HOSTILE_WIT.replace(
    "log: func(msg: string)",
    "type line = string; log: func(text: line)",
  );
  const description = describeComponent(await componentOf(smallActor(), { witSource }));
  expect(() => registry.checkImports(description)).not.toThrow();
  expect(() => registry.checkImports(describeComponent(TINY))).not.toThrow();
});

test("values that a function cannot take or give are told apart", () => {
  const send = "theater:simple/message-server-host#send";
  expect(() => checkArguments(send, ["a", new Uint8Array(1)])).not.toThrow();
  expect(() => checkArguments(send, ["a"])).toThrow("they are not those of");
  expect(() => checkArguments(send, ["a", "b"])).toThrow("must be bytes");
  expect(() => checkOutcome(INIT, { kind: "returned", value: [null] })).not.toThrow();
  expect(() =>
    checkOutcome(INIT, { kind: "returned", value: [[new Uint8Array(2)]] }),
  ).not.toThrow();
  expect(() => checkOutcome(INIT, { kind: "returned", value: 5 })).toThrow("a list of 1");
  expect(() => checkOutcome(INIT, { kind: "returned", value: [["text"]] })).toThrow(
    "must be bytes",
  );
  expect(() => checkOutcome(INIT, { kind: "refused", error: ["x"] })).toThrow("must be a text");
});
