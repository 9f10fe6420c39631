// The demo as a newcomer runs it. Its chain is then checked by nothing but two public packages: whoever
// does not trust us does not need our code.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as dagCbor from "@ipld/dag-cbor";
import { CID } from "multiformats/cid";
import { sha256 } from "multiformats/hashes/sha2";
import { afterAll, beforeAll, expect, test } from "vitest";

const DEMO = join(import.meta.dirname, "../../examples/chess/demo.ts");
const DEMO_MS_MAX = 120_000;

interface Line {
  seq: number;
  cid: string;
  block: string;
  payload: string | null;
}

interface DecodedEvent {
  seq: number;
  actor: string;
  parent: CID | null;
  payload: CID;
}

let folder: string;
let output: string;
let lines: Line[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-demo-test-"));
  const file = join(folder, "chain.ndjson");
  const { stdout } = await promisify(execFile)(process.execPath, [DEMO, file], { maxBuffer: 1e7 });
  output = stdout;
  lines = (await readFile(file, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}, DEMO_MS_MAX);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("the demo plays the whole game and names the forged event", () => {
  expect(output).toContain("87 moves, each position equal to chess.js's own");
  expect(output).toContain("422 guest-error: Kxh8 is not a move that White has");
  expect(output).toMatch(/verified 0…\d+, 0 erased, 0 withheld/);
  expect(output).toContain("broken at 137 host.called");
});

test("@ipld/dag-cbor and multiformats alone confirm the chain of the demo", async () => {
  expect(lines.length).toBeGreaterThan(87 * 3);
  let parent: CID | undefined;
  let actor: unknown;
  for (const [seq, line] of lines.entries()) {
    const block = Buffer.from(line.block, "base64");
    const cid = CID.createV1(dagCbor.code, await sha256.digest(block));
    expect(cid.toString()).toBe(line.cid);
    const event = dagCbor.decode<DecodedEvent>(block);
    expect(Buffer.from(dagCbor.encode(event)).equals(block)).toBe(true);
    expect(event.seq).toBe(seq);
    expect(event.parent?.toString()).toBe(parent?.toString());
    actor ??= event.actor;
    expect(event.actor).toBe(actor);
    const payload = Buffer.from(line.payload ?? "", "base64");
    const named = CID.createV1(dagCbor.code, await sha256.digest(payload));
    expect(event.payload.toString()).toBe(named.toString());
    parent = cid;
  }
});

test("the moves of the game can be read from the chain with public packages", () => {
  const moves = lines.flatMap(({ block, payload }) => {
    const event = dagCbor.decode<{ type: string; about: string }>(Buffer.from(block, "base64"));
    if (event.type !== "host.called" || event.about !== "theater:simple/runtime#log") return [];
    const { args } = dagCbor.decode<{ args: string[] }>(Buffer.from(payload ?? "", "base64"));
    return [args[0]?.split(" ").at(-1)];
  });
  expect(moves).toHaveLength(87);
  expect(moves.slice(0, 4)).toEqual(["e4", "d6", "d4", "Nf6"]);
  expect(moves.slice(-3)).toEqual(["Kc1", "Rd2", "Qa7"]);
});
