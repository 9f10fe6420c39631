// The web's own classes as an actor has them: they say what Node's say, over tables and over arbitrary input.

import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readForm } from "../../src/guest/web/form-data.ts";
import { GuestHeaders } from "../../src/guest/web/headers.ts";
import { GuestSearchParams, GuestUrl } from "../../src/guest/web/url.ts";

const PARTS = [
  "protocol",
  "hostname",
  "port",
  "host",
  "origin",
  "pathname",
  "search",
  "hash",
  "href",
] as const;

test.for<[string, string?]>([
  ["http://example.com"],
  ["https://example.com:443/a/../b/./c?x=1#y"],
  ["HTTP://EXAMPLE.com:8080/A%20b"],
  ["https://example.com/ä ö?ü=ß#ç"],
  ["https://example.com?x"],
  ["https://example.com/a/b/..%2f?q=%zz"],
  ["/x/y", "https://example.com/a/b?c#d"],
  ["x", "https://example.com/a/b?c#d"],
  ["../x", "https://example.com/a/b/c"],
  ["?x", "https://example.com/a/b?c#d"],
  ["#x", "https://example.com/a/b?c#d"],
  ["", "https://example.com/a/b?c#d"],
  ["//other.example/x", "https://example.com/a"],
  ["https://other.example/x", "https://example.com/a"],
])("the URL %o on %o has the parts that the standard says", ([url, base]) => {
  const [mine, theirs] = [new GuestUrl(url, base), new URL(url, base)];
  for (const part of PARTS) expect([part, mine[part]]).toEqual([part, theirs[part]]);
});

test.for(["", "nothing", "ftp://example.com/", "mailto:a@example.com", "http://"])(
  "%o is no URL",
  (url) => {
    expect(() => new GuestUrl(url)).toThrow(TypeError);
    expect(GuestUrl.canParse(url)).toBe(false);
  },
);

test("search parameters are read and written as the standard says", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("%", "%4", "%zz", "+", " ", "ä", "%C3%A4", "&", "=", "!'()*~-._"),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 5 }), (pairs) => {
      expect(new GuestSearchParams(pairs).toString()).toBe(new URLSearchParams(pairs).toString());
      const query = pairs.map((pair) => pair.join("=")).join("&");
      expect([...new GuestSearchParams(query)]).toEqual([...new URLSearchParams(query)]);
    }),
  );
});

test("search parameters that change are the URL's query", () => {
  const [mine, theirs] = [GuestUrl, URL].map((Kind) => {
    const url = new Kind("https://example.com/?b=2&a=1&b=3");
    url.searchParams.set("b", "ä b");
    url.searchParams.append("c", "&");
    url.searchParams.delete("a");
    url.searchParams.sort();
    return url.href;
  });
  expect(mine).toBe(theirs);
});

test("headers have no case, keep what comes twice and list cookies one by one", () => {
  const made = [GuestHeaders, Headers].map((Kind) => {
    const headers = new Kind([
      ["X-One", " a "],
      ["x-one", "b"],
      ["Set-Cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["Accept", "x"],
    ]);
    headers.delete("ACCEPT");
    headers.set("z", "1");
    const read = [headers.get("X-ONE"), headers.get("none"), headers.has("accept")];
    return [[...headers], headers.getSetCookie(), read];
  });
  expect(made[0]).toEqual(made[1]);
  expect([...new GuestHeaders({ a: "1", B: "2" }).keys()]).toEqual(["a", "b"]);
  expect(() => new GuestHeaders([["a b", "c"]])).toThrow(TypeError);
  expect(() => new GuestHeaders([["a", "b\r\nc: d"]])).toThrow(TypeError);
});

test("a multipart form is read as it was written, whatever its values hold", async () => {
  const value = fc.oneof(fc.string(), fc.constantFrom("\r\n--", "--x\r\n\r\n", '"', "a\r\nb"));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(value, value), { maxLength: 4 }), async (pairs) => {
      const form = new FormData();
      for (const [name, text] of pairs) form.append(`n${name}`, text);
      form.append("file", new Blob([new Uint8Array([0, 255, 13, 10])]), "a.bin");
      const sent = new Response(form);
      const type = sent.headers.get("content-type");
      const [mine, theirs] = [
        readForm(new Uint8Array(await sent.clone().arrayBuffer()), type),
        await sent.formData(),
      ];
      const texts = (entries: Iterable<[string, unknown]>): unknown[] =>
        [...entries].filter(([, each]) => typeof each === "string");
      expect(texts(mine)).toEqual(texts(theirs));
      const file = mine.get("file");
      expect(typeof file === "string" || file === null ? [] : [...file.content]).toEqual([
        0, 255, 13, 10,
      ]);
    }),
    { numRuns: 50 },
  );
});

test("a body that is no form, or is cut off, is no form", () => {
  const bytes = new TextEncoder().encode("--x\r\nContent-Disposition: form-data; name=");
  expect([...readForm(bytes, "multipart/form-data; boundary=x")]).toEqual([]);
  expect(() => readForm(bytes, "text/plain")).toThrow(TypeError);
  expect(() => readForm(bytes, null)).toThrow(TypeError);
});

/** Runs `code` with our promises as the only ones, built as an actor is, and gives what `main` made of it. */
async function withPromises(code: string): Promise<unknown> {
  const result = await build({
    stdin: {
      contents: `import { settled } from "./src/guest/promises.ts";
        const told = []; ${code}
        globalThis.result = [settled(main()), told];`,
      resolveDir: ".",
    },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2023",
    supported: { "async-await": false, "async-generator": false, "for-await": false },
  });
  const context: { result?: unknown } = {};
  runInNewContext(result.outputFiles[0]?.text ?? "", context);
  return JSON.parse(JSON.stringify(context.result));
}

test("async functions settle within one call, in the order that the standard says", async () => {
  const code = `
    const say = (word) => told.push(word);
    const waits = async (word) => { say(word + 1); await null; say(word + 2); return word; };
    async function* count() { yield 1; yield 2; }
    async function main() {
      queueMicrotask(() => say("micro"));
      const [a, b] = await Promise.all([waits("a"), waits("b")]);
      const failed = await waits("c").then(() => { throw new Error("x"); }).catch((e) => e.message);
      const settledAll = await Promise.allSettled([Promise.reject(1), 2]);
      const any = await Promise.any([Promise.reject(1), Promise.resolve(2)]);
      const race = await Promise.race([new Promise(() => {}), Promise.resolve(3)]);
      const last = await Promise.reject(4).finally(() => say("finally")).catch((n) => n);
      let sum = 0;
      for await (const n of count()) sum += n;
      return [a, b, failed, settledAll, any, race, last, sum];
    }`;
  expect(await withPromises(code)).toEqual([
    [
      "a",
      "b",
      "x",
      [
        { status: "rejected", reason: 1 },
        { status: "fulfilled", value: 2 },
      ],
      2,
      3,
      4,
      3,
    ],
    ["a1", "b1", "micro", "a2", "b2", "c1", "c2", "finally"],
  ]);
});

test("a promise that nothing settles is an error in words", async () => {
  const code = "const main = () => new Promise(() => {});";
  await expect(withPromises(code)).rejects.toThrow(/does not happen within a turn/);
});
