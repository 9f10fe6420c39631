// "Why was this actor restarted four times at 03:12?" An actor fails four times within a short time, and once before
// and once behind it; an operator restarts it too. Its supervisor's chain is exported, the server is gone, and the
// answer is read from the one file that is left.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as dagCbor from "@ipld/dag-cbor";
import { CID } from "multiformats/cid";
import { sha256 } from "multiformats/hashes/sha2";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { workerComponent } from "../../bench/drill/component.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { theater, type Run } from "../cli/run-theater.ts";

const FAILURES = 4;
/** It waits for a restart, and not for a number of milliseconds. */
const WAIT = { timeout: 30_000 };

interface Event {
  seq: number;
  cid: string;
  type: string;
  time: number;
  parent: CID | null;
  payload: CID;
  fields: Record<string, unknown>;
}

/** What an event of type supervision.decided says. */
interface Decided {
  decision: number;
  cause: { on: string; child: string } & (
    | { on: "exit"; kind: string; detail: string; evidence: Evidence }
    | { on: "restart-child"; by: string }
  );
  action: string;
  reason: string;
  strategy: string;
  children: string[];
  steps: { do: string; child: string; incarnation: number; from: string }[];
  window: number[];
}

interface Evidence {
  seq: number;
  event: string;
}

let folder: string;
let server: DevServer;
let boss: string;
let clerk: string;
/** What stands for 03:12, ms since the epoch. */
let asked: { from: number; to: number };
/** The chains as files, by name. */
const files = { boss: "", clerk: "", car: "" };
let listed: Run;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-why-"));
  server = await startDevServer({ port: 0, data: join(folder, "data") });
  try {
    await failFourTimes();
    await exportAll();
  } finally {
    await server.dispose();
  }
}, 120_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function call<T>(method: string, path: string, body?: BodyInit): Promise<T> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body }),
  });
  return (await response.json()) as T;
}

async function failFourTimes(): Promise<void> {
  const wasm = new Uint8Array(await workerComponent());
  const { component } = await call<{ component: string }>("PUT", "/v1/components", wasm);
  const manifest = (name: string, tables: string): string =>
    `name = "${name}"\nversion = "1"\ncomponent = "${component}"\n${tables}\n` +
    `[[handler]]\ntype = "runtime"\n[[handler]]\ntype = "message-server"\n`;
  const text = manifest("clerk", "");
  const { digest } = await call<{ digest: string }>("PUT", "/v1/stores/why/content", text);
  const tables =
    `[supervisor]\nintensity = 6\nperiod_ms = 600000\n` +
    `[[child]]\nname = "clerk"\nmanifest = "${digest}"`;
  const started = { manifest: manifest("boss", tables) };
  ({ id: boss } = await call<{ id: string }>("POST", "/v1/actors", JSON.stringify(started)));
  const children = async (): Promise<{ id: string }[]> =>
    (await call<{ actors: { id: string }[] }>("GET", `/v1/actors?parent=${boss}`)).actors;
  await vi.waitFor(async () => expect(await children()).toHaveLength(1), WAIT);
  clerk = (await children())[0]?.id ?? "";
  const ask = async (act: string): Promise<string> => {
    const body = JSON.stringify({ n: 1, act });
    return JSON.stringify(await call<unknown>("POST", `/v1/actors/${clerk}/request`, body));
  };
  let count = 0;
  const runs = async (): Promise<void> => {
    count++;
    await vi.waitFor(async () => expect(await ask("count")).toBe(String(count)), WAIT);
  };
  const fail = async (): Promise<void> => {
    expect(await ask("trap")).toContain("guest-trap");
    await runs();
  };
  await runs();
  await fail();
  const from = Date.now();
  for (let n = 1; n <= FAILURES; n++) await fail();
  for (const change of ["stop", "restart"]) await call("POST", `/v1/actors/${clerk}/${change}`);
  await runs();
  asked = { from, to: Date.now() };
  await fail();
}

async function exportAll(): Promise<void> {
  const at = { url: server.url, token: server.token };
  for (const [name, id] of [
    ["boss", boss],
    ["clerk", clerk],
  ] as const) {
    files[name] = join(folder, `${name}.ndjson`);
    expect(await theater(["export", id, "-o", files[name]], at)).toMatchObject({ code: 0 });
  }
  files.car = join(folder, "boss.car");
  expect(await theater(["export", boss, "-o", files.car], at)).toMatchObject({ code: 0 });
  listed = await theater(["events", boss, "--type", "supervision.decided", "child.exited"], at);
}

async function cidOf(bytes: Uint8Array): Promise<string> {
  return CID.createV1(dagCbor.code, await sha256.digest(bytes)).toString();
}

/** A file of lines, each linked to the one before, decoded by public packages from the very bytes that were hashed. */
async function eventsIn(path: string): Promise<Event[]> {
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  const events: Event[] = [];
  for (const line of lines) {
    const text = JSON.parse(line) as Record<"cid" | "block" | "payload", string>;
    const [block, payload] = [
      Buffer.from(text.block, "base64"),
      Buffer.from(text.payload, "base64"),
    ];
    const event = dagCbor.decode<Omit<Event, "cid" | "fields">>(block);
    expect(await cidOf(block)).toBe(text.cid);
    expect(await cidOf(payload)).toBe(event.payload.toString());
    expect(event.parent?.toString()).toBe(events.at(-1)?.cid);
    events.push({ ...event, cid: text.cid, fields: dagCbor.decode<Event["fields"]>(payload) });
  }
  return events;
}

/** One answer for each restart of the actor in that time, from its supervisor's events alone. */
function explain(
  events: readonly Event[],
  { actor: who, from, to }: { actor: string; from: number; to: number },
): string[] {
  const decided = events.filter(
    ({ type, time }) => type === "supervision.decided" && time >= from && time <= to,
  );
  return decided.flatMap(({ seq, time, fields }) => {
    const { decision, cause, action, reason, strategy, children, steps } =
      fields as unknown as Decided;
    if (action !== "restart" || !children.includes(who)) return [];
    const [actor = ""] = children;
    const isLater = (each: Event): boolean =>
      each.seq > seq && each.type === "child.exited" && each.fields["child"] === actor;
    const end = events.find(isLater);
    const start = steps.map(
      (step) => `${step.do} ${step.child} as ${step.incarnation} from ${step.from}`,
    );
    return [
      [
        `${new Date(time).toISOString()} ${cause.child} (${actor})`,
        cause.on === "exit"
          ? `failed: ${cause.kind}, ${cause.detail}, its event ${cause.evidence.seq} ${cause.evidence.event}`
          : `asked for by ${cause.by}`,
        `decision ${decision}, ${strategy}: ${action}; ${reason}`,
        `then: ${start.join(", ")}`,
        end === undefined
          ? "it has run since"
          : `it ran until its event ${Number(end.fields["size"]) - 1}: ${String(end.fields["reason"])}`,
      ].join("\n  "),
    ];
  });
}

test("why was it restarted four times? The supervisor's chain alone says it", async () => {
  const events = await eventsIn(files.boss);
  const answers = explain(events, { actor: clerk, ...asked });
  expect(answers).toHaveLength(FAILURES + 1);
  expect(explain(events, { actor: clerk, from: 0, to: Infinity })).toHaveLength(FAILURES + 3);
  const chain = await eventsIn(files.clerk);
  // Behind the first failure, which was before anybody asks.
  const stops = chain.filter(({ type }) => type === "actor.stopped").slice(1);
  const starts = chain.filter(({ type }) => type === "actor.started").slice(2);
  for (const [index, answer] of answers.slice(0, FAILURES).entries()) {
    // What failed, and the very event of its own chain; the turn that trapped is just before it.
    const stop = stops[index];
    expect(answer).toContain(`clerk (${clerk})`);
    expect(answer).toContain(`failed: trap, unreachable, its event ${stop?.seq} ${stop?.cid}`);
    expect(chain[(stop?.seq ?? 0) - 1]).toMatchObject({
      type: "turn.failed",
      fields: { kind: "trap", code: "unreachable" },
    });
    // What was decided, and which restart of how many it was.
    expect(answer).toContain(
      `one-for-one: restart; "clerk" ended (trap): restart ${index + 2} of 6 in 600000 ms`,
    );
    // What followed: the start that the child's chain has, and how long it lasted.
    const { attempt, by } = starts[index]?.fields ?? {};
    expect(by).toBe(boss);
    expect(answer).toContain(`then: start clerk as ${String(attempt)} from last-state`);
    const next = stops[index + 1];
    const how = index + 1 < FAILURES ? "trap" : "stopped";
    expect(answer).toContain(`it ran until its event ${next?.seq}: ${how}`);
  }
  // And the one that was no failure: who wanted it, in both chains.
  const { attempt, by } = starts[FAILURES]?.fields ?? {};
  expect(by).not.toBe(boss);
  expect(answers.at(-1)).toContain(`asked for by ${String(by)}`);
  expect(answers.at(-1)).toContain(`then: start clerk as ${String(attempt)} from last-state`);
});

test("the same file proves that this is what was recorded", async () => {
  const verified = await theater(["verify", files.car]);
  expect(verified).toMatchObject({ code: 0 });
});

test("a person reads the same from theater events, without another tool", () => {
  const rows = listed.stdout.split("\n");
  for (let n = 1; n <= FAILURES + 2; n++) {
    const why = `"clerk" ended (trap): restart ${n} of 6 in 600000 ms`;
    expect(rows.filter((row) => row.includes(why))).toHaveLength(1);
  }
  expect(rows.filter((row) => row.includes("child.exited"))).toHaveLength(FAILURES + 3);
});
