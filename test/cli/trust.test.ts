// Whose signatures count: a file of keys, and what a chain that they signed must fulfil from then on.

import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { writeChainCar } from "../../src/chain/car.ts";
import { parseCid } from "../../src/chain/cid.ts";
import { importLogKey, newLogSecret } from "../../src/chain/keys.ts";
import { toLine } from "../../src/chain/ndjson.ts";
import { verifierKey } from "../../src/chain/note.ts";
import { concat } from "../../src/lib/bytes.ts";
import { sampleChain } from "../chain/sample-chain.ts";
import { LOG, logKey, SignedChain } from "../chain/signed-chain.ts";
import { problem, serve } from "./canned-server.ts";
import { rewrite, serveStory, sign } from "./rogue-server.ts";
import { theater as run, type Run, type RunOptions } from "./run-theater.ts";

const chain = sampleChain();
const { lines, actor } = chain;
const { origin } = new SignedChain(chain);
const key = verifierKey({ name: LOG, publicKey: logKey.publicKey });
const rival = await importLogKey(newLogSecret());
const rivalKey = verifierKey({ name: LOG, publicKey: rival.publicKey });
const last = lines.length - 1;

// Most tests are several runs of a whole process.
vi.setConfig({ testTimeout: 30_000 });

let folder: string;
let trustFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-trust-test-"));
  trustFile = join(folder, "settings", "trust.json");
});

async function theater(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return await run(args, { ...options, env: { THEATER_TRUST: trustFile } });
}

/** Verifies the actor against a server that shows this. */
async function verify(
  shown: readonly (typeof lines)[number][],
  note: string | null,
  ...args: string[]
): Promise<Run> {
  await using server = await serveStory({ lines: shown, note });
  return await theater(["verify", actor, ...args], server);
}

async function remembered(): Promise<string> {
  const checkpoints = join(dirname(trustFile), "checkpoints");
  const [file, ...others] = await readdir(checkpoints);
  expect(others).toEqual([]);
  return await readFile(join(checkpoints, file ?? ""), "utf8");
}

test("a key is pinned, listed and removed, and the file is the person's alone", async () => {
  expect((await theater(["trust", "--list", "--json"])).stdout).toBe("[]\n");
  expect((await theater(["trust", key])).code).toBe(0);
  expect((await theater(["trust", key])).code).toBe(0); // twice is once
  expect((await theater(["trust", "--list"])).stdout).toBe(`${key}\n`);
  expect(JSON.parse(await readFile(trustFile, "utf8"))).toEqual({ keys: [key] });
  expect((await theater(["trust", "--remove", LOG])).code).toBe(0);
  expect((await theater(["trust", "--list"])).stdout).toBe("no trusted keys\n");
  expect((await theater(["trust", "--remove", LOG])).stderr).toMatch(/^not-found: /);
});

test("a second key of one name needs a word more, and each can be removed whole", async () => {
  await theater(["trust", key]);
  const refused = await theater(["trust", rivalKey]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^wrong-state: /);
  expect((await theater(["trust", rivalKey, "--yes"])).code).toBe(0);
  await theater(["trust", "--remove", key]);
  expect((await theater(["trust", "--list"])).stdout).toBe(`${rivalKey}\n`);
});

test.for([
  ["a key that lacks its end", key.slice(0, -1)],
  ["a key under another name", key.replace(LOG, "theater.other")],
  ["no key at all", "theater.example"],
] as const)("%s is not pinned", async ([, text]) => {
  expect((await theater(["trust", text])).stderr).toMatch(/^bad-request: /);
  expect((await theater(["trust", "--list"])).stdout).toBe("no trusted keys\n");
});

test.for([
  ["no JSON", "{"],
  ["another list", '{"keys":"none"}'],
  ["a changed key", JSON.stringify({ keys: [`${key.slice(0, -2)}B=`] })],
] as const)("a trust file with %s stops every use of it", async ([, text]) => {
  await mkdir(dirname(trustFile), { recursive: true });
  await writeFile(trustFile, text);
  for (const args of [
    ["trust", "--list"],
    ["trust", key],
  ]) {
    const { code, stderr } = await theater(args);
    expect(code).toBe(1);
    expect(stderr).toContain(trustFile);
  }
  expect((await verify(lines, await sign(lines, { origin, key: logKey }))).code).toBe(1);
  expect(await readFile(trustFile, "utf8")).toBe(text);
});

test("without a key for its log a chain is verified, said not to be signed, and not remembered", async () => {
  const note = await sign(lines, { origin, key: logKey });
  const { code, stdout, stderr } = await verify(lines, note);
  expect(code).toBe(0);
  expect(stdout).toMatch(`verified 0…${last}, 0 erased, 0 withheld\n`);
  expect(stderr).toContain(`not signed by a key you trust (theater trust --from ${actor}`);
  const { signed } = JSON.parse((await verify(lines, note, "--json")).stdout);
  expect(signed).toEqual({ status: "untrusted", origin, to: null, by: [] });
  expect(await readdir(folder)).toEqual([]);
});

test("with its log's key pinned the verdict names the key, and the checkpoint is remembered", async () => {
  await theater(["trust", key]);
  const note = await sign(lines, { origin, key: logKey });
  const { code, stdout } = await verify(lines, note);
  expect(code).toBe(0);
  expect(stdout).toMatch(`verified 0…${last}, signed to ${last} by ${LOG}, 0 erased, 0 withheld\n`);
  expect(await remembered()).toBe(note);
  const { signed } = JSON.parse((await verify(lines, note, "--json")).stdout);
  expect(signed).toEqual({ status: "trusted", origin, to: last, by: [key] });
});

test("a chain that grew is proven to continue what is remembered", async () => {
  await theater(["trust", key]);
  const early = lines.slice(0, 9);
  expect((await verify(early, await sign(early, { origin, key: logKey }))).code).toBe(0);
  const note = await sign(lines, { origin, key: logKey });
  await using server = await serveStory({ lines, note });
  const { code } = await theater(["verify", actor], server);
  expect(code).toBe(0);
  expect(server.received.map(({ path }) => path)).toContain(
    `/v1/actors/${actor}/chain/proof?from=9&to=${lines.length}`,
  );
  expect(await remembered()).toBe(note);
});

test("a chain that is checked up to a known event is proven to be the beginning of the signed one", async () => {
  await theater(["trust", key]);
  const known = `7:${lines[7]?.cid}`;
  const { code, stdout } = await verify(
    lines,
    await sign(lines, { origin, key: logKey }),
    "--head",
    known,
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(`verified 0…7, signed to 7 by ${LOG}, 0 erased, 0 withheld\n`);
  const other = rewrite(lines, 7); // its events before are the same, and so is its proof's form
  const forked = await verify(
    other.slice(0, 7),
    await sign(other, { origin, key: logKey }),
    "--head",
    `6:${lines[6]?.cid}`,
  );
  expect(forked.code).toBe(3);
});

test("each lie about what was signed exits 3 and says which it is", async () => {
  await theater(["trust", key]);
  const honest = await sign(lines, { origin, key: logKey });
  expect((await verify(lines, honest)).code).toBe(0);
  const other = rewrite(lines, 7);
  const early = lines.slice(0, 9);
  const wrong = honest.replace(`\n${lines.length}\n`, `\n${lines.length - 1}\n`);
  const elsewhere = `${LOG}/${"a".repeat(32)}`;
  const lies: [string, readonly (typeof lines)[number][], string | null, RegExp][] = [
    [
      "rewritten, signed anew",
      other,
      await sign(other, { origin, key: logKey }),
      /"reason":"forked"/,
    ],
    [
      "rewritten, signed by another",
      other,
      await sign(other, { origin, key: rival }),
      /"not-signed"/,
    ],
    ["rewritten, old note", other, honest, /^broken at 0 .*not-as-signed/],
    ["an old end", early, await sign(early, { origin, key: logKey }), /"reason":"shrunk"/],
    ["a cut end, honest note", early, honest, /^broken at 9: cut-off/],
    ["no signature", lines, null, /"reason":"not-signed"/],
    ["a wrong signature", lines, wrong, /"reason":"bad-signature"/],
    [
      "another chain's note",
      lines,
      await sign(lines, { origin: elsewhere, key: logKey }),
      /"not-signed"/,
    ],
    ["no note at all", lines, "hello", /^chain-broken: /],
  ];
  for (const [name, shown, note, says] of lies) {
    const { code, stdout, stderr } = await verify(shown, note);
    expect([name, code]).toEqual([name, 3]);
    expect(`${stdout}${stderr.replace(/^checking.*\n/, "")}`).toMatch(says);
  }
  expect(await remembered()).toBe(honest);
});

test("a rewritten chain that grew beyond what is remembered is found out by the proof", async () => {
  await theater(["trust", key]);
  const early = lines.slice(0, 9);
  await verify(early, await sign(early, { origin, key: logKey }));
  const other = rewrite(lines, 7);
  const { code, stderr } = await verify(other, await sign(other, { origin, key: logKey }));
  expect(code).toBe(3);
  expect(stderr).toContain('"reason":"inconsistent"');
});

test("what is remembered must be fulfilled also when its key is trusted no longer", async () => {
  await theater(["trust", key]);
  await verify(lines, await sign(lines, { origin, key: logKey }));
  await theater(["trust", "--remove", LOG]);
  const other = rewrite(lines, 7);
  for (const note of [null, await sign(other, { origin, key: rival })]) {
    const { code, stdout } = await verify(other, note);
    expect(code).toBe(3);
    expect(stdout).toMatch(/not-as-signed/);
  }
  expect((await verify(lines, null)).code).toBe(0);
});

test("--from shows the key of the first event, and pins it only when told that it is compared", async () => {
  const note = await sign(lines, { origin, key: logKey });
  await using server = await serveStory({ lines, note });
  const shown = await theater(["trust", "--from", actor, "--json"], server);
  const named = JSON.parse(shown.stdout) as { key: string; log: string; trusted: boolean };
  // The sample's genesis names a key of its own, which did not sign this.
  expect(named).toMatchObject({ log: LOG, signedTo: null, trusted: false });
  expect((await theater(["trust", "--list", "--json"])).stdout).toBe("[]\n");
  const pinned = await theater(["trust", "--from", actor, "--yes", "--json"], server);
  expect(JSON.parse(pinned.stdout)).toEqual({ ...named, trusted: true });
  expect((await theater(["trust", "--list"])).stdout).toBe(`${named.key}\n`);
});

test("--from believes no genesis but the one that the id is derived from", async () => {
  const other = sampleChain();
  await using server = await serveStory({ lines: other.lines, note: null });
  const { code } = await theater(["trust", "--from", "a".repeat(32), "--yes"], server);
  expect(code).toBe(3);
  expect((await theater(["trust", "--list", "--json"])).stdout).toBe("[]\n");
});

test("a receipt saved with a request proves its reply, and one that cannot be had fails after the reply", async () => {
  const signed = new SignedChain(chain);
  const text = await signed.receipt(2, 7);
  const event = { "theater-event": `7:${lines[7]?.cid}` };
  const file = join(folder, "reply.receipt");
  let isGiven = true;
  await using server = await serve(({ path }) => {
    if (path.endsWith("/request")) return { body: "hi", headers: event };
    expect(path).toBe(`/v1/actors/${actor}/chain/proof?seq=7`);
    return isGiven ? { body: text } : problem(503, "unavailable", "Later.");
  });
  const saved = await theater(["request", actor, "hello", "--receipt", file], server);
  expect(saved).toMatchObject({ code: 0, stdout: "hi" });
  expect(await readFile(file, "utf8")).toBe(text);
  isGiven = false;
  const failed = await theater(["request", actor, "hello", "--receipt", `${file}.2`], server);
  expect(failed).toMatchObject({ code: 1, stdout: "hi" });
  expect(await readdir(folder)).toEqual(["reply.receipt"]);

  const untrusted = await theater(["verify", file]);
  expect(untrusted).toMatchObject({ code: 3, stdout: expect.stringContaining("not-signed") });
  expect(untrusted.stdout).not.toMatch(/[{}"]/); // lines for people; programs have --json
  await theater(["trust", key]);
  const verified = await theater(["verify", file, "--head", `7:${lines[7]?.cid}`]);
  expect(verified.code).toBe(0);
  expect(verified.stdout).toMatch(
    `verified event 7 of ${actor}, signed to ${last} by ${LOG}\nevent 7:${lines[7]?.cid}\n`,
  );
  const other = await theater(["verify", file, "--head", `6:${lines[6]?.cid}`]);
  expect(other).toMatchObject({ code: 3, stdout: expect.stringContaining("other-event") });
});

test("a receipt of another history of the same size contradicts what is remembered", async () => {
  await theater(["trust", key]);
  await verify(lines, await sign(lines, { origin, key: logKey }));
  const other = rewrite(lines, 7);
  const file = join(folder, "other.receipt");
  await writeFile(file, await new SignedChain({ lines: other, actor }).receipt(7, 7));
  const { code, stderr } = await theater(["verify", file]);
  expect(code).toBe(3);
  expect(stderr).toContain('"reason":"forked"');
});

test("a file is held against the checkpoint that came with it, and against what is remembered", async () => {
  await theater(["trust", key]);
  const other = rewrite(lines, 7);
  const [honest, forged] = [join(folder, "honest.ndjson"), join(folder, "forged.ndjson")];
  await writeFile(honest, lines.map((line) => `${toLine(line)}\n`).join(""));
  await writeFile(forged, other.map((line) => `${toLine(line)}\n`).join(""));
  const note = join(folder, "note");
  await writeFile(note, await sign(lines, { origin, key: logKey, size: 12 }));
  const hashesOnly = await theater(["verify", forged]);
  expect(hashesOnly).toMatchObject({ code: 0, stderr: expect.stringContaining("not signed") });
  const bent = await theater(["verify", forged, "--checkpoint", note]);
  expect(bent).toMatchObject({ code: 3, stdout: expect.stringContaining("not-as-signed") });
  const good = await theater(["verify", honest, "--checkpoint", note]);
  expect(good.stdout).toContain(`verified 0…${last}, signed to 11 by ${LOG},`);
  expect((await theater(["verify", forged])).code).toBe(3); // it is remembered now
  // An old file is no contradiction.
  const old = join(folder, "old.ndjson");
  await writeFile(
    old,
    lines
      .slice(0, 5)
      .map((line) => `${toLine(line)}\n`)
      .join(""),
  );
  const said = `older than what you remember of this chain (12 events, signed): these 5 fit each other`;
  const oldCar = join(folder, "old.car");
  const blocks: Uint8Array[] = [];
  const five = lines.slice(0, 5);
  for await (const chunk of writeChainCar(parseCid(five[4]?.cid ?? ""), five)) blocks.push(chunk);
  await writeFile(oldCar, concat(blocks));
  for (const file of [old, oldCar]) {
    const { code, stderr } = await theater(["verify", file]);
    expect(code).toBe(0);
    expect(stderr).toContain(said);
    expect(stderr).not.toContain("there is no checkpoint");
  }
  expect((await theater(["verify", old, "--checkpoint", note])).code).toBe(3);
});
