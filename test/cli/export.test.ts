import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { writeChainCar } from "../../src/chain/car.ts";
import { parseCid } from "../../src/chain/cid.ts";
import { concat } from "../../src/lib/bytes.ts";
import { sampleChain } from "../chain/sample-chain.ts";
import { serve } from "./canned-server.ts";
import { serveChain } from "./chain-server.ts";
import { theater } from "./run-theater.ts";

const chain = sampleChain();
const { lines, actor } = chain;
const head = chain.head();
const chunks: Uint8Array[] = [];
for await (const chunk of writeChainCar(parseCid(head.cid), lines, chain.raw)) chunks.push(chunk);
const car = concat(chunks);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-export-"));
});

test("a CAR arrives as the server sent it, and verifies without a server", async () => {
  await using server = await serve(() => ({ body: car }));
  const { code, stdout } = await theater(["export", actor, "--json"], { ...server, cwd: folder });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ file: `${actor}.car`, bytes: car.length, head: head.cid });
  expect(await readdir(folder)).toEqual([`${actor}.car`]);
  expect(new Uint8Array(await readFile(join(folder, `${actor}.car`)))).toEqual(car);
  const verified = await theater(["verify", `${actor}.car`], { cwd: folder });
  expect(verified.code).toBe(0);
  expect(verified.stdout).toBe(
    `verified 0…${head.seq}, 0 erased, 0 withheld\nhead ${head.seq}:${head.cid}\n`,
  );
});

test("the range, the blocks and the format are asked of the server", async () => {
  await using server = await serve(() => ({ body: car }));
  const args = ["--from", "1", "--to", "23", "--include", "manifest,states", "-o", "-"];
  const { bytes } = await theater(["export", actor, ...args], server);
  expect(new Uint8Array(bytes)).toEqual(car);
  expect(server.received[0]).toMatchObject({
    path: `/v1/actors/${actor}/chain?from=1&to=23&include=manifest%2Cstates`,
    headers: { accept: "application/vnd.ipld.car" },
  });
});

test("lines are asked for until the head is there, and verify", async () => {
  await using server = await serveChain({ lines, head, limit: 7 });
  const options = { ...server, cwd: folder };
  expect((await theater(["export", actor, "-o", "x.ndjson"], options)).code).toBe(0);
  expect((await readFile(join(folder, "x.ndjson"), "utf8")).split("\n")).toHaveLength(
    lines.length + 1,
  );
  expect((await theater(["verify", "x.ndjson"], options)).code).toBe(0);
});

test.for([
  ["within a block", car.slice(0, 2000)],
  ["before its root", concat(chunks).slice(0, offsetOfEvent(5))],
  ["before it began", new Uint8Array()],
] as const)("a CAR that ends %s leaves the file that was there", async ([, body]) => {
  await writeFile(join(folder, "x.car"), "old");
  await using server = await serve(() => ({ body }));
  const options = { ...server, cwd: folder };
  const { code, stderr } = await theater(["export", actor, "-o", "x.car"], options);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^unavailable: /);
  expect(await readdir(folder)).toEqual(["x.car"]);
  expect(await readFile(join(folder, "x.car"), "utf8")).toBe("old");
});

test("lines that end before the head leave no file", async () => {
  await using server = await serveChain({ lines: lines.slice(0, -2), head });
  const options = { ...server, cwd: folder };
  const { code } = await theater(["export", actor, "-o", "x.ndjson"], options);
  expect(code).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test("a file that begins in the middle verifies behind the event before it, and not by itself", async () => {
  await using server = await serveChain({ lines, head });
  const options = { ...server, cwd: folder };
  await theater(["export", actor, "-o", "x.ndjson", "--from", "9"], options);
  const after = await theater(["verify", "x.ndjson", "--after", `8:${lines[8]?.cid}`], options);
  expect(after).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(`^verified 9…${head.seq},`),
  });
  const wrong = await theater(["verify", "x.ndjson", "--after", `8:${lines[7]?.cid}`], options);
  expect(wrong).toMatchObject({ code: 3, stdout: expect.stringContaining("broken at 9") });
  expect((await theater(["verify", "x.ndjson"], options)).code).toBe(3);
});

/** Where the block of an event begins: between two blocks, where no reader sees that more is missing. */
function offsetOfEvent(seq: number): number {
  const block = Buffer.from(lines[seq]?.block ?? []);
  const at = Buffer.from(car).indexOf(block);
  const [lengthBytes, cidBytes] = [2, 36];
  return at - cidBytes - lengthBytes;
}
