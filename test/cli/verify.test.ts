import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { writeChainCar, type ChainBlocks } from "../../src/chain/car.ts";
import { parseCid } from "../../src/chain/cid.ts";
import { toLine, type Line } from "../../src/chain/ndjson.ts";
import { concat, fromHex, fromUtf8 } from "../../src/lib/bytes.ts";
import { ERASED, sampleChain } from "../chain/sample-chain.ts";
import { serve } from "./canned-server.ts";
import { serveChain } from "./chain-server.ts";
import { theater } from "./run-theater.ts";

// Some tests are several runs of a whole process.
vi.setConfig({ testTimeout: 30_000 });

const chain = sampleChain();
const { actor, lines } = chain;
const head = chain.head();

const erased = (line: Line): Line =>
  ERASED.includes(line.seq) ? { ...line, payload: null } : line;
const changed = (bytes: Uint8Array): Uint8Array => bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1);

async function fileOf(listing: readonly Line[] | string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), "theater-verify-")), "chain.ndjson");
  const text = typeof listing === "string" ? listing : listing.map(toLine).join("\n");
  await writeFile(file, text);
  return file;
}

test("a good chain of a server is verified from end to end", async () => {
  await using server = await serveChain({ lines, head });
  const { code, stdout } = await theater(["verify", actor], server);
  const verdict = `verified 0…${head.seq}, 0 erased, 0 withheld\nhead ${head.seq}:${head.cid}\n`;
  expect({ code, stdout }).toEqual({ code: 0, stdout: verdict });
});

test("erased payloads are counted and leave the chain good", async () => {
  await using server = await serveChain({ lines: lines.map(erased), head });
  const { code, stdout } = await theater(["verify", actor], server);
  expect(code).toBe(0);
  expect(stdout).toContain(`${ERASED.length} erased, 0 withheld`);
});

test("a withheld payload is named, and is a difference", async () => {
  const listed = lines.map((line) => (line.seq === 3 ? { ...line, payload: null } : line));
  await using server = await serveChain({ lines: listed, head });
  const { code, stdout } = await theater(["verify", actor], server);
  expect(code).toBe(3);
  expect(stdout).toContain("0 erased, 1 withheld");
  expect(stdout).toContain("withheld  3\n");
});

test("a changed payload is named by position and type, with what was expected and found", async () => {
  const listed = lines.map((line) =>
    line.seq === 4 ? { ...line, payload: changed(line.payload ?? new Uint8Array()) } : line,
  );
  await using server = await serveChain({ lines: listed, head });
  const { code, stdout } = await theater(["verify", actor], server);
  expect(code).toBe(3);
  expect(stdout).toMatch(/^broken at 4 host\.called: payload-hash: /);
  expect(stdout).toMatch(/expected +b[a-z2-7]{58}\nfound +b[a-z2-7]{58}\nverified +0…3/);
});

test("a program gets the report as one JSON value, with the type of the bad event", async () => {
  const listed = lines.map((line) =>
    line.seq === 4 ? { ...line, payload: changed(line.payload ?? new Uint8Array()) } : line,
  );
  await using server = await serveChain({ lines: listed, head });
  const { code, stdout, stderr } = await theater(["verify", actor, "--json"], server);
  expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "broken",
    events: 4,
    firstBad: { seq: 4, problem: "payload-hash" },
    firstBadType: "host.called",
  });
});

test("a chain that is shorter than its head is a difference", async () => {
  await using server = await serveChain({ lines: lines.slice(0, -2), head });
  const { code, stdout } = await theater(["verify", actor], server);
  expect(code).toBe(3);
  expect(stdout).toContain(`broken at ${head.seq - 1}: cut-off`);
});

test("a server that answers only a few events at a time is asked for the rest", async () => {
  await using server = await serveChain({ lines, head, limit: 5 });
  const { code } = await theater(["verify", actor], server);
  expect(code).toBe(0);
  const asked = server.received.filter(({ path }) => path.includes("/chain?"));
  expect(asked).toHaveLength(1 + Math.ceil(lines.length / 5)); // and once for the genesis alone
});

test("events that come while the chain is read are not taken for a difference", async () => {
  const before = lines.at(-3) ?? { seq: 0, cid: "" };
  await using server = await serveChain({ lines, head: { seq: before.seq, cid: before.cid } });
  const { code, stdout } = await theater(["verify", actor], server);
  expect(code).toBe(0);
  expect(stdout).toContain(`verified 0…${head.seq - 2},`);
});

test("another actor's good chain is not this actor's", async () => {
  await using server = await serveChain({ lines, head });
  const { code, stdout } = await theater(["verify", "a".repeat(32)], server);
  expect(code).toBe(3);
  expect(stdout).toContain("broken at 0 actor.created: wrong-actor");
});

test("an event that the auditor holds herself contradicts a rewritten chain", async () => {
  const pinned = `2:${lines[3]?.cid}`;
  await using server = await serveChain({ lines, head });
  expect((await theater(["verify", actor, "--head", pinned], server)).code).toBe(3);
  const right = `2:${lines[2]?.cid}`;
  expect((await theater(["verify", actor, "--head", right], server)).code).toBe(0);
});

test("an exported file is verified without a server", async () => {
  const { code, stdout } = await theater(["verify", await fileOf(lines)], {
    url: "http://127.0.0.1:1",
  });
  expect(code).toBe(0);
  expect(stdout).toContain(`verified 0…${head.seq},`);
});

test("the published vectors make a file that verifies", async () => {
  const vectors = JSON.parse(await readFile("test/vectors/chain-v1.json", "utf8")) as {
    chain: { head: { cid: string }; events: { cid: string; block: string; payload: string }[] };
  };
  const listed = vectors.chain.events.map(({ cid, block, payload }, seq) => ({
    seq,
    cid,
    block: fromHex(block) ?? new Uint8Array(),
    payload: payload === null ? null : (fromHex(payload) ?? new Uint8Array()),
  }));
  const { code, stdout } = await theater(["verify", await fileOf(listed)]);
  expect(stdout).toMatch(/^verified 0…/);
  expect(code).toBe(0);
});

test.for([
  [
    "a flipped block",
    lines.map((line) => (line.seq === 2 ? { ...line, block: changed(line.block) } : line)),
  ],
  ["a missing event", lines.filter(({ seq }) => seq !== 5)],
  [
    "two events in exchanged order",
    [...lines.slice(0, 5), ...lines.slice(5, 7).toReversed(), ...lines.slice(7)],
  ],
  ["no event at all", []],
  ["a line that is none", `${lines.slice(0, 2).map(toLine).join("\n")}\n{"seq":2\n`],
] as const)("a file with %s exits 3", async ([, listing]) => {
  const { code } = await theater(["verify", await fileOf(listing)]);
  expect(code).toBe(3);
});

test("a file that is not there is refused, not judged", async () => {
  expect((await theater(["verify", "absent.ndjson"])).code).toBe(1);
  expect((await theater(["verify", "absent.car"])).code).toBe(1);
});

test("a server that shows another genesis to one reading than to the other is found out", async () => {
  await using server = await serve(({ path }) => {
    const { pathname, searchParams } = new URL(path, "http://server");
    if (pathname.endsWith("/chain/head")) return { json: head };
    const isPeek = searchParams.get("to") === "0";
    const shown = lines.map((line) => ({ ...line, payload: isPeek ? null : line.payload }));
    return { body: shown.map((line) => `${toLine(line)}\n`).join("") };
  });
  const { code, stderr } = await theater(["verify", actor], server);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^chain-broken: /m);
});

test("a file that is neither chain nor receipt is refused with a sentence, not judged", async () => {
  const folder = await mkdtemp(join(tmpdir(), "theater-verify-"));
  const texts = [
    "# A readme, häßlich\n",
    '{"name":"package"}\n',
    "",
    "\x7fELF\xff\x00",
    "seq,cid\n",
  ];
  for (const text of texts) {
    const file = join(folder, "README.md");
    await writeFile(file, text);
    const { code, stdout, stderr } = await theater(["verify", file]);
    expect([text, code, stdout]).toEqual([text, 1, ""]);
    expect(stderr).toMatch(
      /^bad-request: .*README\.md is no chain and no receipt: .*theater export/,
    );
  }
});

test("a chain is known by how it begins, whatever its name, and also with a changed byte there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "theater-verify-"));
  const blocks: readonly ChainBlocks[] = lines;
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeChainCar(parseCid(head.cid), blocks)) chunks.push(chunk);
  const listing = fromUtf8(lines.map((line) => `${toLine(line)}\n`).join(""));
  for (const bytes of [concat(chunks), listing]) {
    const [good, bent] = [join(folder, "chain"), join(folder, "bent")];
    await writeFile(good, bytes);
    expect((await theater(["verify", good])).code).toBe(0);
    for (const at of [1, 12]) {
      await writeFile(bent, bytes.with(at, (bytes[at] ?? 0) ^ 1));
      expect([at, (await theater(["verify", bent])).code]).toEqual([at, 3]);
    }
  }
});
