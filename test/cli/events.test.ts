import { expect, test, vi } from "vitest";
import { parseLine, toLine, type Line } from "../../src/chain/ndjson.ts";
import { present } from "../chain/present.ts";
import { sampleChain } from "../chain/sample-chain.ts";
import { problem, serve, type Canned, type Received } from "./canned-server.ts";
import { serveChain } from "./chain-server.ts";
import { theater } from "./run-theater.ts";

// Each test is a whole process, some are several, and machines are busy.
vi.setConfig({ testTimeout: 30_000 });

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

const message = ({ seq, cid, block, payload }: Line): string =>
  `id: ${seq}\ndata: ${toLine({ seq, cid, block, payload })}\n\n`;

/** History and more over connections that break: after some events, within one, and before any. */
function brokenStream(): (request: Received) => Canned {
  const answers: Canned[] = [
    { body: lines.slice(0, 3).map(message).join("") + message(present(lines[3])).slice(0, -40) },
    problem(503, "unavailable", "Soon."),
    { body: ": nothing new\n\n" },
    { body: lines.slice(2).map(message).join("") },
  ];
  return ({ path }) => {
    expect(path).toBe(`/v1/actors/${actor}/chain/follow`);
    return answers.shift() ?? problem(500, "internal", "Asked too often.");
  };
}

test("--follow goes on where a connection broke, each event once, and --json gives a line for each", async () => {
  await using server = await serve(brokenStream());
  const { code, stdout } = await theater(
    ["events", actor, "--follow", "--to", "6", "--json"],
    server,
  );
  const shown = lines.slice(0, 7).map((line) => `${toLine(line)}\n`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: shown.join("") });
  expect(server.received.map(({ headers }) => headers["last-event-id"])).toEqual([
    undefined,
    "2",
    "2",
    "2",
  ]);
});

test("--follow --type shows only those types, and --from begins behind the event before", async () => {
  await using server = await serve(() => ({ body: lines.map(message).join("") }));
  const args = ["--follow", "--from", "3", "--to", "7", "--type", "host.called", "--json"];
  const { stdout } = await theater(["events", actor, ...args], server);
  expect(stdout).toBe(`${toLine(present(lines[4]))}\n`);
  expect(server.received[0]?.headers["last-event-id"]).toBe("2");
});

test("--follow of an actor that does not exist is refused at once", async () => {
  await using server = await serve(() => problem(404, "not-found", "No such actor."));
  const { code, stderr } = await theater(["events", actor, "--follow"], server);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^not-found: /);
  expect(server.received).toHaveLength(1);
});

test("a refusal is not printed below the header of an empty table", async () => {
  await using server = await serve(() => problem(404, "not-found", "No such actor."));
  const { code, stdout, stderr } = await theater(["events", actor], server);
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: "",
    stderr: "not-found: No such actor.\n",
  });
});

test("a listing without events is the header alone", async () => {
  await using server = await serveChain({ lines: [], head });
  const { stdout } = await theater(["events", actor], server);
  expect(stdout).toMatch(/^ +seq +time .*payload\n$/);
});
