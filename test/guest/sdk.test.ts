// The guest SDK inside QuickJS: one component with many probes, built once with every handler and once
// without the ones for time, chance and logging.

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildActor } from "../../src/cli/build-actor.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import {
  errorOf,
  outcomeOf,
  type Imports,
  type Instance,
  prepareComponent,
} from "./instantiate.ts";

const TIME = 1_700_000_000_123;
let dir: string;
let bare: (imports: Imports) => Instance;
let granted: (imports: Imports) => Instance;
let calls: unknown[][] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "theater-probe-"));
  await cp("test/guest/probe", dir, { recursive: true });
  bare = await prepareComponent((await buildActor(dir)).component);
  const manifest = join(dir, "manifest.toml");
  const more = ["timing", "random"].map((type) => `\n[[handler]]\ntype = "${type}"\n`).join("");
  await writeFile(manifest, (await readFile(manifest, "utf8")) + more);
  granted = await prepareComponent((await buildActor(dir)).component);
}, 60_000);

afterAll(() => rm(dir, { recursive: true }));

function host(): Imports {
  const note =
    (name: string, result?: unknown) =>
    (...args: unknown[]) => {
      calls.push([name, ...args]);
      return result;
    };
  return {
    "theater:simple/runtime": {
      log: note("log"),
      shutdown: note("shutdown"),
      getChain: () => ({
        events: [{ hash: 1n, event: { eventType: "init", data: new Uint8Array() } }],
      }),
    },
    "theater:simple/message-server-host": {
      send: note("send"),
      request(id: string, body: Uint8Array) {
        // oxlint-disable-next-line typescript/only-throw-error -- how jco takes an err(string)
        if (id === "nobody") throw "nobody is here";
        return fromUtf8(`${id} heard ${toUtf8(body)}`);
      },
    },
    "theater:simple/store": {
      new: () => "store-1",
      replaceContentAtLabel: note("replaceContentAtLabel", { hash: "h1" }),
      get: () => fromUtf8("kept"),
      getByLabel: () => ({ hash: "h1" }),
    },
    "theater:simple/supervisor": {
      spawn(manifest: string, state: Uint8Array | undefined) {
        // oxlint-disable-next-line typescript/only-throw-error -- how jco takes an err(string)
        if (manifest === "") throw "bad-manifest: it is empty";
        return `spawned ${manifest} ${state === undefined ? "none" : toUtf8(state)}`;
      },
      resume: (manifest: string, state: Uint8Array | undefined) =>
        `resumed ${manifest} ${state === undefined ? "none" : toUtf8(state)}`,
      listChildren: () => ["child-1", "child-2"],
      stopChild: note("stopChild"),
      restartChild(id: string) {
        // oxlint-disable-next-line typescript/only-throw-error -- how jco takes an err(string)
        throw `not-a-child: ${id}`;
      },
      getChildState: (id: string) => (id === "child-1" ? fromUtf8("its state") : undefined),
      getChildEvents: () => [
        {
          hash: Uint8Array.of(1),
          parentHash: undefined,
          eventType: "actor.created",
          data: Uint8Array.of(2),
          timestamp: BigInt(TIME),
          description: undefined,
        },
      ],
    },
    "theater:simple/timing": { now: () => BigInt(TIME) },
    "theater:simple/random": { randomFloat: () => 0.25 },
  };
}

const STATE = fromUtf8('{"turns":0,"id":"a"}');

function probe(instance: Instance, ...message: unknown[]): unknown {
  const [, [reply]] = instance.messageServerClient.handleRequest(STATE, [
    "request-1",
    fromUtf8(JSON.stringify(message)),
  ]);
  return JSON.parse(toUtf8(reply ?? fromUtf8("null")));
}

test("state goes in and out as JSON, and init gets the actor's id", () => {
  const [state] = bare(host()).actor.init(undefined, ["actor-1"]);
  expect(toUtf8(state ?? STATE)).toBe('{"turns":0,"id":"actor-1"}');
  const [next] = bare(host()).messageServerClient.handleSend(state, [fromUtf8("x")]);
  expect(toUtf8(next ?? STATE)).toBe('{"turns":1,"id":"actor-1"}');
  expect(bare(host()).actor.init(next, ["actor-1"])).toEqual([next]);
});

test("a request can be left open", () => {
  expect(
    bare(host()).messageServerClient.handleRequest(STATE, ["request-7", fromUtf8('["defer"]')]),
  ).toEqual([fromUtf8('{"turns":0,"id":"request-7"}'), [undefined]]);
});

test("whatever a handler throws becomes the text of the error", () => {
  const instance = bare(host());
  expect(errorOf(() => probe(instance, "throwText"))).toBe("only text");
  expect(errorOf(() => probe(instance, "crash"))).toMatch(/^cannot read property 'field'/);
  expect(errorOf(() => probe(instance, "ask", "nobody", "x"))).toBe("nobody is here");
  expect(probe(instance, "base64")).toEqual(["dGhlYXRlcg==", "theater"]); // and the instance lives on
});

test("a handler that is async, returns no state or gets no JSON is told so", () => {
  const client = bare(host()).messageServerClient;
  const send = (text: string, state = STATE) =>
    errorOf(() => client.handleSend(state, [fromUtf8(text)]));
  expect(send("async")).toMatch(/^the handler is async: handlers are synchronous/);
  expect(send("nothing")).toMatch(/^the handler returned no state/);
  expect(send("x", fromUtf8("{"))).toMatch(/^the state is not JSON/);
  expect(errorOf(() => probe(bare(host()), "async"))).toMatch(/^onRequest is async/);
  expect(errorOf(() => client.handleRequest(STATE, ["request-1", fromUtf8("{")]))).toBe(
    "the message is not JSON",
  );
});

// Node's own TextEncoder and TextDecoder are the standard here.
test("text is encoded as the standard says, lone surrogates included", () => {
  const instance = bare(host());
  for (const text of ["", "plain", "é€😀 mixed", "\ud800x", "x\udc00", "\0\x7f\x80߿ࠀ￿𐀀􏿿"]) {
    expect(probe(instance, "encode", text)).toEqual([...new TextEncoder().encode(text)]);
  }
  const long = "ab€".repeat(20_000);
  expect(probe(instance, "encode", long)).toEqual([...new TextEncoder().encode(long)]);
});

test("bytes are decoded as the standard says, mistakes included", () => {
  const instance = bare(host());
  const samples = [
    [...new TextEncoder().encode("é€😀 mixed \u{10ffff}")],
    [0xff, 0x41],
    [0xc0, 0x80],
    [0xe2, 0x82],
    [0xe2, 0x82, 0x41],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x98],
    [0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x41],
    [0x80, 0xc3, 0xc3, 0xa9],
  ];
  for (const bytes of samples) {
    const expected = new TextDecoder().decode(Uint8Array.from(bytes));
    expect(probe(instance, "decode", bytes, false)).toBe(expected);
    const strict = outcomeOf(() => probe(instance, "decode", bytes, true));
    expect(strict).toBe(expected.includes("\ufffd") ? "the bytes are not valid UTF-8" : expected);
  }
});

test("what the text classes lack, they refuse", () => {
  const instance = bare(host());
  expect(errorOf(() => probe(instance, "decodeLatin"))).toMatch(/knows only utf-8/);
  expect(errorOf(() => probe(instance, "decodeStream"))).toMatch(/decodes whole texts/);
  expect(probe(instance, "bom")).toEqual([1, 2]);
  expect(probe(instance, "encodeInto")).toEqual([{ read: 2, written: 3 }, [0x61, 0xc3, 0xa9, 0]]);
});

test("console writes lines into the chain, without stacks", () => {
  calls = [];
  probe(bare(host()), "log");
  expect(calls).toEqual([
    ["log", 'plain 1 null undefined {"a":[1]} 10'],
    ["log", "error: TypeError: bad"],
    ["log", "warning: [object Object]"],
  ]);
});

test("without timing and random, time and chance name the handler that is missing", () => {
  const instance = bare(host());
  for (const name of ["now", "date", "dateCall", "performance", "aroundTheProxy"]) {
    expect(errorOf(() => probe(instance, name))).toMatch(/^The time .* type = "timing"/);
  }
  expect(errorOf(() => probe(instance, "random"))).toMatch(/^Math.random\(\) .* type = "random"/);
});

test("with timing and random, time and chance come from the host", () => {
  const instance = granted(host());
  expect(probe(instance, "now")).toBe(TIME);
  expect(probe(instance, "date")).toBe(new Date(TIME).toISOString());
  expect(probe(instance, "aroundTheProxy")).toBe(new Date(TIME).toISOString());
  expect(probe(instance, "dateCall")).toContain("Nov 14 2023");
  expect(probe(instance, "performance")).toBe(TIME);
  expect(probe(instance, "random")).toBe(0.25);
});

test("dates that are given stay what they are, in UTC", () => {
  const year2020 = Date.UTC(2020, 0, 1);
  const dates = ["1970-01-01T00:00:00.000Z", year2020, year2020, true, "[object Date]"];
  expect(probe(bare(host()), "fixedDate")).toEqual(dates);
  expect(probe(granted(host()), "fixedDate")).toEqual(dates);
});

test("the wrappers reach the host with bytes and give back text", () => {
  calls = [];
  const instance = bare(host());
  expect(probe(instance, "ask", "b", "hello")).toBe("b heard hello");
  probe(instance, "tell", "b", "hi");
  probe(instance, "stop");
  probe(instance, "stop", "bye");
  expect(probe(instance, "chain")).toEqual(["init"]);
  expect(probe(instance, "keep", "kept")).toEqual(["store-1", "h1", "kept", "h1"]);
  expect(calls).toEqual([
    ["send", "b", fromUtf8("hi")],
    ["shutdown", undefined],
    ["shutdown", fromUtf8("bye")],
    ["replaceContentAtLabel", "store-1", "newest", fromUtf8("kept")],
  ]);
});

test("children are started, looked at and stopped with text and bytes", () => {
  calls = [];
  const instance = bare(host());
  const born = ["spawned m none", "spawned m first", "resumed m none", "resumed m then"];
  expect(probe(instance, "family")).toEqual(born);
  expect(probe(instance, "children")).toEqual(["child-1", "child-2"]);
  probe(instance, "stopChild", "child-1");
  expect(calls).toEqual([["stopChild", "child-1"]]);
  expect(errorOf(() => probe(instance, "restartChild", "child-9"))).toBe("not-a-child: child-9");
  expect(probe(instance, "childState", "child-1")).toBe("its state");
  expect(probe(instance, "childState", "child-2")).toBe(null);
  expect(probe(instance, "childEvents", "child-1")).toEqual([
    [[1], null, "actor.created", [2], TIME],
  ]);
});

test("what becomes of a child goes to its callback; one that is not there leaves the state alone", () => {
  const handlers = bare(host()).supervisorHandlers;
  const idAfter = ([state]: [Uint8Array | undefined]): unknown =>
    (JSON.parse(toUtf8(state ?? STATE)) as { id: string }).id;
  const error = { errorType: "operation-timeout", data: fromUtf8("cut: too slow") };
  expect(idAfter(handlers.handleChildError(STATE, ["c", error]))).toBe(
    "c operation-timeout: cut: too slow",
  );
  const plain = { errorType: "internal", data: undefined };
  expect(idAfter(handlers.handleChildError(STATE, ["c", plain]))).toBe("c internal: ");
  expect(idAfter(handlers.handleChildExit(STATE, ["c", fromUtf8("all done")]))).toBe(
    "c left all done",
  );
  expect(idAfter(handlers.handleChildExit(STATE, ["c", undefined]))).toBe("c left nothing");
  expect(handlers.handleChildExternalStop(STATE, ["c"])).toEqual([STATE]);
});
