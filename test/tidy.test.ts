// Checks the code itself: who may import whom, where platform types may appear, how long a file may
// be. The table below is the architecture; ARCHITECTURE.md explains it.

import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

const LINES_MAX = 400;

/** Each folder of src/ and the folders it may import. Lower layers first. */
const LAYERS: Record<string, readonly string[]> = {
  build: [],
  lib: [],
  chain: ["lib"],
  store: ["lib", "chain"],
  executor: ["lib", "chain", "build"],
  wasi: ["lib", "chain", "executor"],
  handlers: ["lib", "chain", "store", "executor", "wasi"],
  replay: ["lib", "chain", "executor", "handlers"],
  supervision: ["lib", "chain"],
  manifest: ["lib", "chain", "executor", "wasi", "handlers", "supervision"],
  runtime: [
    "lib",
    "chain",
    "store",
    "executor",
    "wasi",
    "handlers",
    "replay",
    "manifest",
    "supervision",
  ],
  server: ["lib", "chain", "store", "executor", "runtime"],
  guest: [],
  cli: ["lib", "chain", "executor", "handlers", "manifest"],
};

/** The composition roots, one per isolate: each wires the layers together and so may import them all. */
const ROOTS = /^src\/(worker|replay-worker|bundle-worker|plugins|isolate|transpiler)\.ts$/;

/** A text that may appear only in the files that match. */
const ONLY_IN: readonly [text: RegExp, files: RegExp][] = [
  [
    /\bD1Database\b/,
    /^src\/(chain\/(d1-ledger|d1-segments)|store\/labels|runtime\/(environment|directory|birth\/components|birth\/births|record\/checkpoints))\.ts$/,
  ],
  [/\bR2Bucket\b/, /^src\/(chain\/archive|store\/r2-store|runtime\/environment)\.ts$/],
  [/\bextends DurableObject\b/, /^src\/runtime\/actor\.ts$/],
  [/\btransactionSync\(\s*async\b/, /^$/], // accepted silently by workerd, and leaks: see design of the turn
  [/\bFIXME\b/, /^$/],
];

const files = globSync("src/**/*.ts").map((path) => ({ path, text: readFileSync(path, "utf8") }));
/** "src/chain/cid.ts" → "chain"; what is built from src/ is a layer of its own. */
const layerOf = (path: string): string | undefined =>
  path.startsWith("build/") ? "build" : path.split("/").at(1);

test("a layer imports only the layers below it", () => {
  const crossings = files.flatMap(({ path, text }) =>
    [...text.matchAll(/from "(\.[^"]+)"/g)].flatMap(([, target = ""]) => {
      const [from, to] = [layerOf(path), layerOf(normalize(join(dirname(path), target)))];
      const allowed = ROOTS.test(path) || from === to || LAYERS[from ?? ""]?.includes(to ?? "");
      return allowed ? [] : [`${path}: ${from}/ may not import ${to}/`];
    }),
  );
  expect(files.length).toBeGreaterThan(3);
  expect(crossings).toEqual([]);
});

test("platform types and reminders stay where they belong", () => {
  const strays = files.flatMap(({ path, text }) =>
    ONLY_IN.flatMap(([re, where]) =>
      re.test(text) && !where.test(path) ? [`${path}: ${re}`] : [],
    ),
  );
  expect(strays).toEqual([]);
});

/** Tests that are longer still, and by how much at most. This list may only shrink. */
const LONG_TESTS: Record<string, number> = { "test/runtime/batch.test.ts": 464 };

test("a file fits in the head", () => {
  const tests = globSync("test/**/*.ts").map((path) => ({
    path,
    text: readFileSync(path, "utf8"),
  }));
  const lengths = [...files, ...tests].map(({ path, text }) => ({
    path,
    lines: text.split("\n").length - 1,
  }));
  const long = lengths.filter(({ path, lines }) => lines > (LONG_TESTS[path] ?? LINES_MAX));
  expect(long).toEqual([]);
  // Who shortened one takes it off the list.
  const short = lengths.filter(({ path, lines }) => path in LONG_TESTS && lines <= LINES_MAX);
  expect(short).toEqual([]);
});
