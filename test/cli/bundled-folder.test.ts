// What `theater bundle` wrote, read again for a deployment: only as it was written.

import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, afterEach, expect, test } from "vitest";
import { writeBundled, writeRegistry } from "../../src/cli/bundled-folder.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

const SOURCE = "a component";
const FILES = { "component.js": "export const environment = 1;", "component.core.wasm": "core" };

let folder: string;
let digest: string;

function setOf(files: Record<string, string>): Parameters<typeof writeBundled>[1] {
  const listed = Object.entries(files).map(([name, text]) => ({ name, digest: digestOf(text) }));
  const index = bytesOf(JSON.stringify({ component: digestOf(SOURCE), files: listed }));
  const named = Object.entries(files).map(([name, text]) => ({ name, bytes: bytesOf(text) }));
  return { source: bytesOf(SOURCE), index, files: named };
}

async function registry(from = folder): Promise<string> {
  const file = join(folder, "..", `${digest}.js`);
  try {
    await writeRegistry(from, file);
    return await readFile(file, "utf8");
  } finally {
    await rm(file, { force: true });
  }
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-bundled-"));
  digest = await writeBundled(folder, setOf(FILES));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test("the registry imports what was written, and nothing of half a write", async () => {
  expect(await readdir(folder)).toEqual([digest]);
  await writeFile(join(folder, ".new-left-by-a-crash"), "");
  const text = await registry();
  expect(text).toContain(`digest: "${digest}", bytes: ${SOURCE.length}`);
  expect(text).toMatch(new RegExp(`from "\\./.*/${digest}/component\\.core\\.wasm"`));
});

test("without a folder there is an empty registry", async () => {
  expect(await registry(join(folder, "none"))).toContain("BUNDLED = [\n];");
});

test("a component that is bundled twice is there once", async () => {
  expect(await writeBundled(folder, setOf(FILES))).toBe(digest);
  expect(await readdir(folder)).toEqual([digest]);
});

test.for(["component.js", "component.core.wasm", "source.wasm", "index.json"])(
  "a changed %s is refused before it reaches a Worker",
  async (name) => {
    const file = join(folder, digest, name);
    await writeFile(file, `${await readFile(file, "utf8")} `);
    await expect(registry()).rejects.toThrow(/delete the folder and bundle the component again/);
    await rm(file);
    await expect(registry()).rejects.toThrow(`${name} is missing`);
  },
);

test("an index that leads out of its folder is refused, whatever its digest", async () => {
  const { source, index } = setOf({ "../../etc/passwd": "x" });
  await writeBundled(folder, { source, index, files: [] });
  await expect(registry()).rejects.toThrow("names files outside of its folder");
});

test("a folder of another name is refused", async () => {
  await writeFile(join(folder, "notes.txt"), "");
  await expect(registry()).rejects.toThrow("index.json is missing");
});
