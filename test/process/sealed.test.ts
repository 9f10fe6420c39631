// A chain that is mostly sealed, from end to end: a real server with two shards that seals early, and an
// auditor with the command line who notices nothing of it, until somebody damages what is on the disk.

import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeEvent, type Event } from "../../src/chain/event.ts";
import { parseLine } from "../../src/chain/ndjson.ts";
import { verifyCar } from "../../src/chain/verify-car.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { present } from "../chain/present.ts";
import { theater as run, type Run } from "../cli/run-theater.ts";

const MANIFEST = `name = "tiny"
version = "0.1.0"
component = "${join(import.meta.dirname, "../fixtures/tiny.wasm")}"
[[handler]]
type = "runtime"
[[handler]]
type = "message-server"
`;
const SEAL_EVENTS = 150;
const SEALED_MS_MAX = 30_000;

interface Segment {
  first: number;
  last: number;
  key: string;
}

let folder: string;
let server: DevServer | undefined;
let id: string;
let head: number;
let segments: Segment[] = [];
let events: Event[];

const dataOf = (name: string): string => join(folder, name);

async function serve(data = "data"): Promise<void> {
  await stop();
  server = await startDevServer({
    port: 0,
    data: dataOf(data),
    token: "t",
    shards: 2,
    sealEvents: SEAL_EVENTS,
  });
}

async function stop(): Promise<void> {
  await server?.dispose();
  server = undefined;
}

async function theater(...args: string[]): Promise<Run> {
  const env = { THEATER_TRUST: dataOf("trust.json") };
  return await run(args, {
    cwd: folder,
    env,
    token: "t",
    url: server?.url ?? "http://127.0.0.1:1",
  });
}

async function ok(...args: string[]): Promise<Run> {
  const done = await theater(...args);
  if (done.code !== 0) throw new Error(`theater ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  return done;
}

async function get(path: string, accept: string, method = "GET"): Promise<Response> {
  const headers = { authorization: "Bearer t", accept };
  return await fetch(`${present(server).url}/v1/actors/${id}${path}`, { method, headers });
}

async function eventsOf(query: string): Promise<Event[]> {
  const text = await (await get(`/chain${query}`, "application/x-ndjson")).text();
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => decodeEvent(parseLine(line).block));
}

async function databases(data: string, kind: "d1" | "r2"): Promise<DatabaseSync[]> {
  const place = join(dataOf(data), "workerd", kind);
  const [below] = (await readdir(place)).filter((name) => name.startsWith("miniflare-"));
  const names = await readdir(join(place, present(below)));
  return names
    .filter((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite")
    .map((name) => new DatabaseSync(join(place, present(below), name)));
}

/** The one shard that has the actor's events. Only while no server runs. */
async function inLedger<T>(data: string, work: (ledger: DatabaseSync) => T): Promise<T> {
  const open = await databases(data, "d1");
  try {
    expect(open).toHaveLength(2);
    const own = open.filter(
      (each) => each.prepare("SELECT 1 FROM event WHERE actor = ? LIMIT 1").get(id) !== undefined,
    );
    expect(own).toHaveLength(1);
    return work(present(own[0]));
  } finally {
    for (const each of open) each.close();
  }
}

async function segmentsIn(data: string): Promise<Segment[]> {
  const query = "SELECT first, last, r2_key AS key FROM segment WHERE actor = ? ORDER BY last";
  return await inLedger(data, (ledger) => ledger.prepare(query).all(id) as unknown as Segment[]);
}

/** How many objects of segments there are; states and components do not begin like a CAR. */
async function archived(): Promise<number> {
  const blobs = join(dataOf("data"), "workerd/r2/CONTENT/blobs");
  const files = (await readdir(blobs)).map((name) => readFile(join(blobs, name)));
  return (await Promise.all(files)).filter((bytes) => bytes.includes("eroots")).length;
}

/** The file of a segment's object: an object is named by its hash. */
async function fileOf(data: string, { key }: Segment): Promise<string> {
  const blobs = join(dataOf(data), "workerd/r2/CONTENT/blobs");
  for (const name of await readdir(blobs)) {
    const bytes = await readFile(join(blobs, name));
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (key.includes(digest)) return join(blobs, name);
  }
  throw new Error(`no file for ${key}`);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-sealed-"));
  await serve();
  await writeFile(join(folder, "tiny.toml"), MANIFEST);
  id = (await ok("start", "tiny.toml")).stdout.trim();
  const seq = async (): Promise<number> =>
    ((await (await get("/chain/head", "application/json")).json()) as { seq: number }).seq;
  const request = async (body: string): Promise<void> => {
    const init = { method: "POST", headers: { authorization: "Bearer t" }, body };
    const response = await fetch(`${present(server).url}/v1/actors/${id}/request`, init);
    expect(response.status).toBe(200);
  };
  // Whatever is old enough when the alarm comes is one segment: so in two steps.
  for (const count of [1, 2]) {
    const size = 2 * SEAL_EVENTS * count + 50;
    while ((await seq()) < size) {
      await Promise.all(Array.from({ length: 20 }, (_, n) => request(`n ${n}`)));
    }
    const deadline = Date.now() + SEALED_MS_MAX;
    while ((await archived()) < count) {
      if (Date.now() > deadline) throw new Error(`segment ${count} is not sealed`);
      await sleep(100);
    }
  }
  // The objects come first: what the stop cuts off there, the next life brings to the ledger.
  for (const deadline = Date.now() + SEALED_MS_MAX; segments.length < 2; await serve()) {
    if (Date.now() > deadline) throw new Error("the ledger has no two segments");
    await seq();
    await sleep(500);
    await stop();
    segments = await segmentsIn("data");
  }
  head = await seq();
  const { key } = JSON.parse((await ok("trust", "--from", id, "--json")).stdout) as { key: string };
  await ok("trust", key);
});

afterAll(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

test("the lines of the whole chain, and of any part of it, are all there", async () => {
  events = await eventsOf("");
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: head + 1 }, (_, seq) => seq));
  const [first, second] = [present(segments[0]), present(segments[1])];
  const pages = await eventsOf(`?from=${first.last - 3}&to=${second.first + 250}`);
  expect(pages).toEqual(events.slice(first.last - 3, second.first + 251));
  const commits = await eventsOf("?type=turn.committed");
  expect(commits).toEqual(events.filter(({ type }) => type === "turn.committed"));
  const about = await eventsOf("?about=request&from=20");
  expect(about).toEqual(events.filter((event) => event.about === "request" && event.seq >= 20));
  const [since, until] = [present(events[first.last - 9]).time, present(events[second.last]).time];
  const dated = await eventsOf(`?since=${since}&until=${until}`);
  expect(dated).toEqual(events.filter(({ time }) => time >= since && time < until));
  expect(dated.length).toBeGreaterThan(50);
});

test("the chain is verified as lines, and as a CAR with nothing but the file", async () => {
  expect((await ok("verify", id)).stdout).toMatch(
    new RegExp(`^verified 0…${head}, signed to ${head} by theater.local, 0 erased, 0 withheld\n`),
  );
  await ok("export", id, "-o", "chain.car");
  const car = await readFile(join(folder, "chain.car"));
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield car;
  };
  const report = await verifyCar(chunks(), { actor: id });
  expect(report).toMatchObject({ verdict: "verified", events: head + 1 });
});

test("a sealed event has a receipt that is verified without the server", async () => {
  const { last } = present(segments[0]);
  // A turn in the midst of a segment, one that lies across its end or begins there, and the first event.
  const after = events.filter(({ type, seq }) => type === "turn.committed" && seq > last);
  for (const { seq } of [present(events[0]), present(events[100]), present(after[0])]) {
    await ok("receipt", id, String(seq), "-o", `${seq}.receipt`);
    const away = await run(["verify", `${seq}.receipt`], {
      cwd: folder,
      env: { THEATER_TRUST: dataOf("trust.json") },
      url: "http://127.0.0.1:1",
    });
    expect(away.stdout).toMatch(new RegExp(`^verified event ${seq} of .* by theater\\.local`));
  }
});

test("a follower from the beginning gets every event once", async () => {
  const { stdout } = await ok("events", id, "--follow", "--json", "--to", String(head));
  const seqs = stdout
    .trimEnd()
    .split("\n")
    .map((line) => parseLine(line).seq);
  expect(seqs).toEqual(events.map(({ seq }) => seq));
});

test("ledger, archive and journal agree", async () => {
  const { stdout } = await ok("ledger", "check");
  expect(stdout).toBe(`${id}: ${head + 1} events agree everywhere\n`);
});

/** What a server says of its own chain is not the auditor's finding: then `verify` has merely failed. */
const REFUSED = 1;

/** What the auditor is told after the damage to a copy of the stopped server's folder. */
async function after(name: string, damage: (data: string) => Promise<void>): Promise<[Run, Run]> {
  await stop();
  await cp(dataOf("data"), dataOf(name), { recursive: true });
  await damage(name);
  await serve(name);
  return [await theater("ledger", "check"), await theater("verify", id)];
}

test("a byte that was changed in a segment's object is found", async () => {
  const segment = present(segments[1]);
  const [check, verify] = await after("flipped", async (data) => {
    const file = await fileOf(data, segment);
    const bytes = await readFile(file);
    // Within a payload, for a CID of the file alone would be found by the check only.
    const at = bytes.indexOf("salt", Math.floor(bytes.length / 2)) + 10;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    await writeFile(file, bytes);
  });
  expect([check.code, verify.code]).toEqual([3, 3]);
  const found = Number(/^broken at (\d+) .*payload-hash/.exec(verify.stdout)?.[1]);
  expect(found).toBeGreaterThanOrEqual(segment.first);
  expect(found).toBeLessThanOrEqual(segment.last);
  expect(check.stdout).toContain(`  ${found} archive: `);
});

test("a segment's object that is gone is found", async () => {
  const { first, last, key } = present(segments[0]);
  const [check, verify] = await after("gone", async (data) => {
    const [bucket] = await databases(data, "r2");
    const { changes } = present(bucket).prepare("DELETE FROM _mf_objects WHERE key = ?").run(key);
    present(bucket).close();
    expect(changes).toBe(1);
  });
  expect([check.code, verify.code]).toEqual([3, REFUSED]);
  const named = `Restore the archived segment ${first} to ${last} from a backup: it is not in R2.`;
  expect(check.stdout).toContain(`  ${first} archive: ${named}`);
  expect(verify.stdout + verify.stderr).toContain(named);
});

test("a row of the ledger that is gone is found", async () => {
  const seq = present(segments.at(-1)).last + 20;
  const [check, verify] = await after("row", async (data) => {
    await inLedger(data, (ledger) => {
      ledger.exec("DROP TRIGGER event_leaves_sealed");
      ledger.prepare("DELETE FROM event WHERE actor = ? AND seq = ?").run(id, seq);
    });
  });
  expect([check.code, verify.code]).toEqual([3, 3]);
  expect(check.stdout).toContain(`  ${seq} ledger: `);
  expect(verify.stdout).toMatch(new RegExp(`^broken at ${seq}[ :]`));
});
