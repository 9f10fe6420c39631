// Goal: what JavaScript could do in a guest's isolate, should a component ever get that far. Method: the
// hostile text stands in place of the transpiled component. It may replace the isolate's own entrypoint,
// so it gets everything that the isolate was given.

import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleIsolates } from "../../src/cli/bundle.ts";
import type { IsolationCase, IsolationTurn } from "./isolation-worker.ts";

let miniflare: Miniflare;
let web: Server;
let webPort = 0;
let visits = 0;

beforeAll(async () => {
  await bundleIsolates();
  const bundled = await build({
    entryPoints: [join(import.meta.dirname, "isolation-worker.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*", "node:*"],
    loader: { ".txt": "text", ".wasm": "binary" }, // nothing is transpiled here
  });
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      compatibilityDate: "2026-10-20",
      compatibilityFlags: ["nodejs_compat"],
      log: new Log(LogLevel.NONE),
      modules: [
        { type: "ESModule", path: "worker.js", contents: bundled.outputFiles[0]?.text ?? "" },
      ],
      workerLoaders: { LOADER: {} },
      bindings: { SECRET: "not for guests" },
    }),
  );
  await miniflare.ready;
  web = createServer((_, response) => {
    visits++;
    response.end("reached");
  }).listen(0, "127.0.0.1");
  await new Promise((listening) => web.once("listening", listening));
  const address = web.address();
  webPort = typeof address === "object" ? (address?.port ?? 0) : 0;
}, 60_000);

afterAll(async () => {
  await miniflare.dispose();
  web.close();
});

async function run(isolationCase: IsolationCase): Promise<IsolationTurn[]> {
  const response = await miniflare.dispatchFetch("http://theater.local/", {
    method: "POST",
    body: JSON.stringify(isolationCase),
  });
  return (await response.json()) as IsolationTurn[];
}

/** A component whose second turn runs `body` with all that the entrypoint gets: this, input, host. */
function takingOver(body: string): IsolationCase {
  const component = `
    import * as isolate from "isolate.js";
    const outcomes = async (probes) => {
      const found = {};
      for (const [name, probe] of Object.entries(probes)) {
        try { found[name] = String(await probe()); } catch (thrown) { found[name] = "refused: " + thrown.message; }
      }
      return found;
    };
    const say = (value, answered = []) => ({ outcome: { kind: "returned", value }, answered });
    export function environment() {
      isolate.default.prototype.run = async function (input, host) { ${body} };
      const exports = { "theater:simple/actor": { init: async () => "taken over" } };
      return { rest: () => true, instantiate: () => exports };
    }`;
  return { component, turns: ["first", "second"] };
}

function valueOf(turn: IsolationTurn | undefined): unknown {
  return (turn?.output as { outcome: { value: unknown } } | undefined)?.outcome.value;
}

/** What the second turn found out. */
async function found(probes: Record<string, string>): Promise<Record<string, string>> {
  const entries = Object.entries(probes).map(([name, code]) => `${name}: async () => { ${code} }`);
  const [, second] = await run(
    takingOver(`return say(await outcomes({ ${entries.join(",\n")} }));`),
  );
  return valueOf(second) as Record<string, string>;
}

test("no way leads out of the isolate", async () => {
  const url = `http://127.0.0.1:${webPort}/`;
  const results = await found({
    fetch: `return (await fetch("${url}")).text();`,
    socket: `return new WebSocket("ws://127.0.0.1:${webPort}").readyState;`,
    tcp: `const { connect } = await import("cloudflare:sockets");
      const socket = connect("127.0.0.1:${webPort}"); await socket.opened; return "open";`,
    events: `const source = new EventSource("${url}"); await new Promise((open, fail) => { source.onopen = open; source.onerror = () => fail(new Error("no")); }); return "open";`,
    cache: `await caches.default.put("${url}", new Response("x")); return (await caches.default.match("${url}"))?.status;`,
    beacon: `return navigator.sendBeacon("${url}", "x");`,
  });
  // A beacon says true and goes nowhere.
  const { beacon, ...refused } = results;
  expect(beacon).toBe("true");
  expect(Object.entries(refused).filter(([, result]) => !result.startsWith("refused"))).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(visits).toBe(0);
});

test("the isolate holds nothing of the Worker's", async () => {
  const results = await found({
    env: `return JSON.stringify(this.env) + JSON.stringify((await import("cloudflare:workers")).env);`,
    exports: `return Object.keys(this.ctx.exports ?? {});`,
    props: `return JSON.stringify(this.ctx.props ?? {});`,
    process: `return typeof process;`,
    files: `return (await import("node:fs")).readdirSync("/");`,
    modules: `return (await import("worker.js")).default;`,
    compile: `return new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));`,
    evaluate: `return new Function("return 1")();`,
  });
  expect(results).toEqual({
    env: "{}{}",
    exports: "default", // the isolate's own entrypoint, which it is
    props: "{}",
    process: "undefined",
    files: expect.stringContaining("No such module"),
    modules: expect.stringContaining("No such module"),
    compile: expect.stringContaining("disallowed"),
    evaluate: expect.stringContaining("disallowed"),
  });
});

/** A turn of the host's: what reached it, and how the turn ended. */
async function hostile(body: string): Promise<IsolationTurn> {
  const [, second] = await run(takingOver(body));
  if (second === undefined) throw new Error("there was no second turn");
  return second;
}

const LOG = "theater:simple/runtime#log";

test("the host's stub has one method", async () => {
  const turn = await hostile(`
    return say(await outcomes({
      close: () => host.close(), output: () => host.output({}), door: () => host.door(host),
      constructor: () => host.constructor("return 1")(), field: async () => await host.check,
      text: () => host.toString(), proto: () => host.__proto__.call("x", [], []),
      private: () => host["#host"],
    }));`);
  const { text, ...refused } = valueOf(turn) as Record<string, string>;
  expect(text).toBe("[object JsRpcStub]"); // of its own side
  expect(Object.entries(refused).filter(([, result]) => !result.startsWith("refused"))).toEqual([]);
  expect(turn.calls).toEqual([]);
});

test("a component that imports nothing of the host's holds nothing of it, from its second turn on", async () => {
  const turns = await run({ ...takingOver("return say(String(host));"), asksNobody: true });
  expect(turns.map(valueOf)).toEqual(["taken over", "null"]);
});

test("a stub that is kept answers nothing once the turn is over", async () => {
  const { component } = takingOver(`
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    if (input.params[0] === "second") {
      const kept = host.dup();
      const late = pause(30).then(() => kept.call("theater:simple/store#new", [], []));
      this.ctx.waitUntil(late.then((answer) => { globalThis.late = JSON.stringify(answer); }));
      return say("kept");
    }
    await pause(100);
    return say(globalThis.late ?? "nothing");`);
  const turns = await run({ component, turns: ["first", "second", "third"] });
  expect(turns[2]?.output).toMatchObject({
    outcome: { value: expect.stringContaining("a call after the turn") },
  });
  expect(turns[1]?.calls).toEqual([]);
});

test.for([
  [
    "more calls than a turn has",
    `const said = []; for (let i = 0; i < 101; i++) said.push(await host.call("a#b", [], [])); return say(JSON.stringify(said.at(-1)));`,
    100,
  ],
  ["no function", `return say(JSON.stringify(await host.call({ about: 1 }, [], [])));`, 0],
  [
    "a value that is too deep",
    `let deep = []; for (let i = 0; i < 70; i++) deep = [deep]; return say(JSON.stringify(await host.call("a#b", deep, [])));`,
    0,
  ],
  ["no WIT type", `return say(JSON.stringify(await host.call("a#b", [() => 1], [])));`, 0],
  ["no WIT type", `return say(JSON.stringify(await host.call("a#b", [new Date()], [])));`, 0],
  [
    "cannot answer",
    `return say(JSON.stringify(await host.call("a#b", [], [{ about: "theater:simple/store#new", args: [], outcome: "returned", result: null }])));`,
    0,
  ],
  [
    "without an outcome",
    `return say(JSON.stringify(await host.call("a#b", [], [{ about: "${LOG}", args: [], outcome: "toString", result: null }])));`,
    0,
  ],
] as const)("%s: the host refuses it and hears nothing of it", async ([says, body, heard]) => {
  const turn = await hostile(body);
  expect(valueOf(turn)).toContain(says);
  expect(turn.calls.length).toBe(heard);
});

test.for([
  ["nothing", "return undefined;"],
  ["an outcome of no kind", `return { outcome: { kind: "committed", value: 1 }, answered: [] };`],
  [
    "a code that is data",
    `return { outcome: { kind: "failed", failure: "trap", code: "Your Honour", message: "" }, answered: [] };`,
  ],
  [
    "a failure that is the host's",
    `return { outcome: { kind: "failed", failure: "lost", code: "x", message: "" }, answered: [] };`,
  ],
  [
    "calls that it cannot answer",
    `return say(1, [{ about: "theater:simple/store#new", args: [], outcome: "returned", result: null }]);`,
  ],
  [
    "more calls than a turn has",
    `return say(1, Array.from({ length: 101 }, () => ({ about: "${LOG}", args: [""], outcome: "returned", result: null })));`,
  ],
  [
    "a deep value",
    `let deep = []; for (let i = 0; i < 5000; i++) deep = [deep]; return say(deep);`,
  ],
  ["a function", `return say(() => 1);`],
  ["32 MiB", `return say(new Uint8Array(40_000_000));`],
] as const)("an answer with %s is the host's failure, not a turn", async ([, body]) => {
  const { output, threw } = await hostile(body);
  expect(output).toBe(null);
  expect(threw).not.toBe(null);
});

// What no check can prevent: actors of one component share an isolate, so JavaScript that got into it
// could carry what one actor says to another. WebAssembly cannot: it has its own memory in each turn.
test("JavaScript at module scope would live from one actor's turn to the next", async () => {
  const { component } = takingOver(`
    const heard = globalThis.heard ?? ""; globalThis.heard = input.params[0]; return say(heard);`);
  const turns = await run({ component, turns: ["first", "a secret", "another actor"] });
  expect(turns[2]?.output).toMatchObject({ outcome: { value: "a secret" } });
});
