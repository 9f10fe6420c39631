// The evidence from end to end: a real server that signs, an auditor with the command line, and then
// everybody who would like her to believe something else. Most of it happens when the server is gone.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { carBlock, carHeader } from "../../src/chain/car.ts";
import { parseCid } from "../../src/chain/cid.ts";
import { importLogKey, newLogSecret, type LogKey } from "../../src/chain/keys.ts";
import { decodeEvent } from "../../src/chain/event.ts";
import { parseLine, type Line } from "../../src/chain/ndjson.ts";
import { LINK_BYTES } from "../../src/chain/cid.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { present } from "../chain/present.ts";
import { rewrite, serveStory, sign } from "../cli/rogue-server.ts";
import { theater as run, type Run } from "../cli/run-theater.ts";

const MANIFEST = `name = "tiny"
version = "0.1.0"
component = "${join(import.meta.dirname, "../fixtures/tiny.wasm")}"
[[handler]]
type = "runtime"
[[handler]]
type = "message-server"
`;

let folder: string;
let server: DevServer | undefined;
let id: string;
let logKey: LogKey;
let head: number;
let lines: Line[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-proofs-"));
  server = await startDevServer({ port: 0, data: join(folder, "data") });
  await writeFile(join(folder, "tiny.toml"), MANIFEST);
  id = (await ok("start", "tiny.toml")).stdout.trim();
  logKey = await importLogKey(await readFile(join(folder, "data/log-key"), "utf8"));
}, 60_000);

afterAll(async () => {
  await server?.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function theater(...args: string[]): Promise<Run> {
  const env = { THEATER_TRUST: join(folder, "settings/trust.json") };
  return await run(args, { cwd: folder, env, ...(server ?? { url: "http://127.0.0.1:1" }) });
}

async function ok(...args: string[]): Promise<Run> {
  const done = await theater(...args);
  if (done.code !== 0) throw new Error(`theater ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  return done;
}

async function linesIn(name: string): Promise<Line[]> {
  const text = await readFile(join(folder, name), "utf8");
  return text.trimEnd().split("\n").map(parseLine);
}

test("before she trusts a key, the hashes are checked and it is said that this is all", async () => {
  await ok("request", id, "one", "--receipt", "reply.receipt");
  const { stdout, stderr } = await ok("verify", id);
  expect(stdout).toMatch(/^verified 0…\d+, 0 erased, 0 withheld\n/);
  expect(stderr).toContain("not signed by a key you trust");
  expect((await theater("verify", "reply.receipt")).code).toBe(3);
});

test("she sees the log's key, compares it, pins it, and the verdict names it", async () => {
  const seen = JSON.parse((await ok("trust", "--from", id, "--json")).stdout);
  expect(seen).toMatchObject({ log: "theater.local", trusted: false });
  expect(seen.signedTo).toBeGreaterThan(0);
  await ok("trust", seen.key);
  const { stdout } = await ok("verify", id);
  expect(stdout).toMatch(
    /^verified 0…(\d+), signed to \1 by theater\.local, 0 erased, 0 withheld\n/,
  );
});

test("what grew since is proven to continue what she saw", async () => {
  for (const body of ["two", "three", "four"]) await ok("request", id, body);
  const { stdout } = await ok("verify", id, "--json");
  const { head: newest, signed } = JSON.parse(stdout);
  expect(signed).toMatchObject({ status: "trusted", to: newest.seq });
  head = newest.seq;
});

test("a follower sees the history and what comes, each event once", async () => {
  const follower = theater("events", id, "--follow", "--json", "--to", String(head + 3));
  await ok("request", id, "five");
  const { code, stdout } = await follower;
  expect(code).toBe(0);
  const seqs = stdout
    .trimEnd()
    .split("\n")
    .map((line) => parseLine(line).seq);
  expect(seqs).toEqual(Array.from({ length: head + 4 }, (_, seq) => seq));
});

test("she takes it all home: a CAR with its checkpoint, lines, a receipt", async () => {
  const blocks = ["--include", "manifest,component,states"];
  await ok("export", id, "-o", "chain.car", ...blocks, "--checkpoint", "chain.checkpoint");
  await ok("export", id, "-o", "chain.ndjson");
  await ok("verify", id);
  lines = await linesIn("chain.ndjson");
  head = lines.length - 1;
  const reply = lines.findLast(({ block }) => decodeEvent(block).type === "turn.committed");
  await ok("receipt", id, String(reply?.seq), "-o", "last.receipt");
  expect((await readdir(folder)).filter((name) => name.includes(".part"))).toEqual([]);
  await server?.dispose();
  server = undefined;
});

test("without the server each of them is verified with the pinned key alone", async () => {
  const verdict = `verified 0…${head}, signed to ${head} by theater.local, 0 erased, 0 withheld\n`;
  const car = await ok("verify", "chain.car", "--checkpoint", "chain.checkpoint");
  expect(car.stdout).toContain(verdict);
  expect(car.stderr).toContain("2 blocks of content behind the chain");
  // Without the file too: she remembers the last checkpoint that she saw.
  expect((await ok("verify", "chain.car")).stdout).toContain(verdict);
  expect((await ok("verify", "chain.ndjson")).stdout).toContain(verdict);
  for (const receipt of ["reply.receipt", "last.receipt"]) {
    expect((await ok("verify", receipt)).stdout).toMatch(
      /^verified event \d+ of .* by theater\.local/,
    );
  }
});

interface Place {
  name: string;
  at: number;
  /** What the verdict on a change of this byte begins with, or has in it. */
  says: RegExp;
}

const brokenAt = (seq: number): RegExp => new RegExp(`^broken at ${seq}[ :]`);

/** Where each kind of byte of the CAR is. */
async function bytesOfCar(): Promise<Place[]> {
  const car = await readFile(join(folder, "chain.car"));
  const places: Place[] = [];
  const header = carHeader(parseCid(present(lines.at(-1)).cid)).length;
  places.push({ name: "the header's length", at: 0, says: brokenAt(0) });
  places.push({ name: "the header's version", at: header - 1, says: brokenAt(0) });
  // No event is this root, so the file ends, behind its last event, before its root.
  places.push({ name: "the header's root", at: header - 20, says: brokenAt(head + 1) });
  let at = header;
  for (const { seq, cid, block, payload } of lines) {
    const inner = (bytes: Uint8Array): number =>
      carBlock(parseCid(cid), bytes).length - bytes.length;
    const [event, next] = [at + inner(block), at + inner(block) + block.length];
    const data = next + inner(payload ?? new Uint8Array());
    const place = (name: string, where: number): void => {
      places.push({ name: `${name} of event ${seq}`, at: where, says: brokenAt(seq) });
    };
    if ([0, 5, head].includes(seq)) {
      place("the CID's digest", event - 5);
      place("the CID's codec", event - LINK_BYTES + 1);
      place("the block's start", event);
      place("the block's middle", event + Math.floor(block.length / 2));
      place("the payload link", next - 3);
      place("the payload's CID", data - 5);
      place("the payload's middle", data + Math.floor((payload?.length ?? 0) / 2));
    }
    at = data + (payload?.length ?? 0);
  }
  places.push({
    name: "the content behind the chain",
    at: car.length - 9,
    says: /^broken content {2}b/m,
  });
  return places;
}

test("a changed byte of any kind in the CAR exits 3 and names its event", async () => {
  const car = await readFile(join(folder, "chain.car"));
  const places = await bytesOfCar();
  expect(places.length).toBeGreaterThan(20);
  const check = async ({ name, at, says }: Place, n: number): Promise<void> => {
    const [file, bent] = [`bent-${n}.car`, Buffer.from(car)];
    bent.writeUInt8(bent.readUInt8(at) ^ 1, at);
    await writeFile(join(folder, file), bent);
    const { code, stdout } = await theater("verify", file);
    expect([name, code]).toEqual([name, 3]);
    expect([name, stdout]).toEqual([name, expect.stringMatching(says)]);
  };
  for (let n = 0; n < places.length; n += 3) {
    await Promise.all(places.slice(n, n + 3).map((place, i) => check(place, n + i)));
  }
});

test("a CAR that is cut off anywhere exits 3", async () => {
  const car = await readFile(join(folder, "chain.car"));
  for (const part of [0, 0.3, 0.6]) {
    await writeFile(join(folder, "cut.car"), car.subarray(0, Math.floor(car.length * part)));
    const { code, stdout } = await theater("verify", "cut.car");
    expect(code).toBe(3);
    expect(stdout).toMatch(/^broken at \d+.*: cut-off: /);
  }
});

test("a changed receipt proves nothing", async () => {
  const text = await readFile(join(folder, "last.receipt"), "utf8");
  const flip = (at: number): string => {
    const other = text[at] === "A" ? "B" : "A";
    return text.slice(0, at) + other + text.slice(at + 1);
  };
  const bent = [
    ["in its event", flip(Math.floor(text.indexOf("index ") * 0.9))],
    ["in its index", text.replace(/^index (\d+)/m, (_, seq) => `index ${Number(seq) - 1}`)],
    ["in its proof", flip(text.indexOf("index ") + 20)],
    ["in the signed size", text.replace(`\n${head + 1}\n`, `\n${head + 2}\n`)],
    ["in its signature", flip(text.length - 20)],
    ["cut off", text.slice(0, -30)],
  ] as const;
  for (const [where, changed] of bent) {
    expect([where, changed === text]).toEqual([where, false]);
    await writeFile(join(folder, "bent.receipt"), changed);
    const { code, stdout } = await theater("verify", "bent.receipt");
    expect([where, code]).toEqual([where, 3]);
    expect(stdout).toMatch(/^broken: /);
  }
});

/** What the auditor finds at a server that shows this. */
async function shownTo(shown: readonly Line[], note: string | null): Promise<Run> {
  await using rogue = await serveStory({ lines: shown, note });
  const env = { THEATER_TRUST: join(folder, "settings/trust.json") };
  return await run(["verify", id], { url: rogue.url, env });
}

test("a past that was rewritten with hashes that all fit is found out, however it is signed", async () => {
  const origin = `theater.local/${id}`;
  const ends = lines.filter(({ block }) => decodeEvent(block).type === "turn.committed");
  const at = present(ends.at(-2)).seq;
  const other = rewrite(lines, at);
  expect(present(other[head]).cid).not.toBe(present(lines[head]).cid);
  const rival = await importLogKey(newLogSecret());
  const honest = await sign(lines, { origin, key: logKey });
  expect((await shownTo(lines, honest)).code).toBe(0);

  const replayed = await shownTo(other, honest);
  expect(replayed).toMatchObject({ code: 3, stdout: expect.stringContaining("not-as-signed") });
  const byAnother = await shownTo(other, await sign(other, { origin, key: rival }));
  expect(byAnother).toMatchObject({ code: 3, stderr: expect.stringContaining('"not-signed"') });
  const unsigned = await shownTo(other, null);
  expect(unsigned).toMatchObject({ code: 3, stderr: expect.stringContaining('"not-signed"') });
  // The operator herself, with the key: only who remembers can tell.
  const byOperator = await shownTo(other, await sign(other, { origin, key: logKey }));
  expect(byOperator).toMatchObject({ code: 3, stderr: expect.stringContaining('"forked"') });
  const before = await sign(other, { origin, key: logKey, size: at });
  const old = await shownTo(other, before);
  expect(old).toMatchObject({ code: 3, stderr: expect.stringContaining('"shrunk"') });
});

test("a wrong signature in the name of the actor's own key is refused also without a pinned one", async () => {
  const honest = await sign(lines, { origin: `theater.local/${id}`, key: logKey });
  const wrong = honest.replace(`\n${head + 1}\n`, `\n${head}\n`);
  await using rogue = await serveStory({ lines, note: wrong });
  const { code, stderr } = await run(["verify", id], rogue);
  expect(code).toBe(3);
  expect(stderr).toContain('"bad-signature"');
});
