import { expect, test } from "vitest";
import { parseLine, toLine } from "../../src/chain/ndjson.ts";
import { sampleChain } from "../chain/sample-chain.ts";
import { serveChain } from "./chain-server.ts";
import { theater } from "./run-theater.ts";

const chain = sampleChain();
const { actor, lines } = chain;
const head = chain.head();

test("events --json is one array with everything that a verifier needs", async () => {
  await using server = await serveChain({ lines, head });
  const { code, stdout } = await theater(["events", actor, "--json"], server);
  expect(code).toBe(0);
  const events: unknown[] = JSON.parse(stdout);
  expect(events.map((event) => parseLine(JSON.stringify(event)))).toEqual(lines);
});

test("events --json of an empty range is an empty array", async () => {
  await using server = await serveChain({ lines: [], head });
  expect((await theater(["events", actor, "--json"], server)).stdout).toBe("[]\n");
});

test("people get a table: one line per event, the payload without its salt", async () => {
  await using server = await serveChain({ lines, head });
  const { stdout } = await theater(["events", actor, "--from", "2", "--to", "4"], server);
  const [columns, ...rows] = stdout.trimEnd().split("\n");
  expect(columns).toMatch(/^ +seq +time +turn +type +about +cid +payload$/);
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatch(
    /^ +2 +2023-11-14 22:13:20 +1 +message\.received +request +\w{8} +from="ops" params=\{body: "hello"\}$/,
  );
  expect(rows[2]).toContain("theater:simple/store#get-by-label");
  expect(stdout).not.toContain("salt");
});

test("the range and the types are the server's work", async () => {
  await using server = await serveChain({ lines, head });
  const args = ["--from", "1", "--to", "9", "--type", "turn.failed", "turn.refused"];
  await theater(["events", actor, ...args], server);
  expect(server.received.map(({ path }) => path)).toEqual([
    `/v1/actors/${actor}/chain?from=1&to=9&type=turn.failed&type=turn.refused`,
  ]);
});

test("an altered event is shown as one that cannot be read, not left out", async () => {
  const listed = lines.map((line) =>
    line.seq === 1 ? { ...line, block: Uint8Array.of(1) } : line,
  );
  await using server = await serveChain({ lines: listed, head });
  const { code, stdout } = await theater(["events", actor, "--to", "1"], server);
  expect(code).toBe(0);
  expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/^ +1 .*\(not an event\)/);
});

test("--follow goes on as the chain grows, each event once, and --json gives a line for each", async () => {
  const listing = { lines, head: { seq: 3, cid: lines[3]?.cid ?? "" } };
  await using server = await serveChain(listing);
  const grown = setInterval(() => Object.assign(listing.head, head), 300);
  const { stdout } = await theater(["events", actor, "--follow", "--to", "6", "--json"], server);
  clearInterval(grown);
  expect(stdout).toBe(
    lines
      .slice(0, 7)
      .map((line) => `${toLine(line)}\n`)
      .join(""),
  );
});
