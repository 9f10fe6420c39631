// Every function of wit/, called by a real guest or called in one: whether it works, what a guest without the
// grant and a guest with bad input get, and whether the chain has it so that a replay agrees. The rows come from
// signatures.json: a function without a row fails here. docs/conformance.md is the table of this run.

import { afterAll, beforeAll, expect, test } from "vitest";
import signatures from "../../src/handlers/signatures.json" with { type: "json" };
import { MESSAGE_KINDS } from "../../src/chain/event-types.ts";
import { exportFor } from "../../src/handlers/exports.ts";
import { bindings, must, Probe, theater } from "../runtime/stage.ts";
import { startTools } from "../runtime/tools.ts";
import { registry } from "../runtime/worker.ts";
import { endings, HEAD } from "./document.ts";
import { EXPORT_ROWS } from "./export-rows.ts";
import { gapOf } from "./gaps.ts";
import { IMPORT_ROWS } from "./import-rows.ts";
import { Run } from "./run.ts";
import { isRange, openScene, RANGE, spoken, type Observed, type Scene } from "./scene.ts";
import { COLUMNS, Table } from "./table.ts";

const ABOUTS = Object.keys(signatures);
const table = new Table(ABOUTS);
const served = ABOUTS.filter((about) => gapOf(about) === undefined);
const imports = rowsOf(IMPORT_ROWS);
const exports = rowsOf(EXPORT_ROWS);

/** In the order of signatures.json. */
function rowsOf<Row>(rows: ReadonlyMap<string, Row>): [about: string, row: Row][] {
  return served.flatMap((about) => {
    const row = rows.get(about);
    return row === undefined ? [] : [[about, row]];
  });
}

let scene: Scene;
const run = new Run();
/** What a start without the handler is answered, by its type. */
const refusals = new Map<string, string>();

beforeAll(async () => {
  scene = await openScene();
  await run.play(scene, imports);
  for (const type of new Set(imports.map(([about]) => typeOf(about)))) {
    const answer = await startTools({}, { without: type });
    refusals.set(type, answer.ok ? "started" : `${answer.error.code}: ${answer.error.message}`);
  }
}, 60_000);

afterAll(async () => {
  await page().fetch("http://page/", { method: "PUT", body: HEAD + table.markdown() });
});

const page = (): Fetcher => (bindings as unknown as { CONFORMANCE: Fetcher }).CONFORMANCE;

function typeOf(about: string): string {
  const name = about.replace(/#.*/, "");
  return registry.handlers.find((handler) => handler.imports.includes(name))?.type ?? "";
}

test("every function of wit/ has a row, or is a known gap; and no row is of another", () => {
  const rows = [...IMPORT_ROWS.keys(), ...EXPORT_ROWS.keys()];
  expect(rows.toSorted()).toEqual(served.toSorted());
});

test.for(imports)("%s works, with the result that is documented", ([about]) => {
  const calls = run.seen(about, "works");
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.map(({ gave }) => gave)).toEqual(calls.map(({ call }) => call.gives));
  const never = calls.every(({ recorded }) => recorded.outcome === "failed");
  table.set(about, "works", never ? `no: ${endings(calls)}` : "yes");
});

test.for(imports)("%s is refused where it is not granted", ([about, row]) => {
  const type = typeOf(about);
  expect(refusals.get(type)).toMatch(new RegExp(`^missing-handler: .*type = "${type}"`));
  const calls = run.seen(about, "denied");
  expect(calls.length > 0).toBe(row.denied !== undefined);
  expect(calls.map(({ gave }) => gave)).toEqual(calls.map(({ call }) => call.gives));
  expect(calls.filter(({ recorded }) => recorded.outcome !== "denied")).toEqual([]);
  const partly = calls.length === 0 ? [] : [`call: ${endings(calls)}`];
  table.set(about, "refused without grant", ["start: `missing-handler`", ...partly].join("; "));
});

test.for(imports)("%s answers bad input with an error that says what is wrong", ([about, row]) => {
  const calls = run.seen(about, "bad");
  expect(calls.length > 0).toBe(typeof row.bad !== "string");
  expect(calls.map(({ gave }) => gave)).toEqual(calls.map(({ call }) => call.gives));
  table.set(about, "bad input", typeof row.bad === "string" ? `none: ${row.bad}` : endings(calls));
});

/** Where the chain keeps a range of events, a replay finds out whether it is the right one. */
const byGuest = ({ call, gave, recorded }: Observed): unknown => ({
  about: call.about,
  args: call.args,
  result: isRange(recorded.result) ? RANGE : gave,
});

test.for(imports)("%s is in the chain as the guest called it and was answered", ([about]) => {
  const calls = run.seen(about);
  const inChain = calls.map(({ recorded }) => ({ about: recorded.about, ...spoken(recorded) }));
  expect(inChain).toEqual(calls.map(byGuest));
  const own = calls.filter(({ call }) => call.about === about);
  const events = new Set(own.map(({ recorded }) => recorded.events));
  const outcomes = new Set(own.map(({ recorded }) => recorded.outcome));
  table.set(about, "recorded", `${[...events].join(" or ")}: ${[...outcomes].join(", ")}`);
});

test("requests that later turns answered and gave up have ended so", async () => {
  const [answered, cancelled] = await Promise.all(scene.asked);
  expect([answered?.gave, cancelled?.gave]).toEqual(["later", "guest-error"]);
});

test("a resumed child has the state that it was given, and had no init", async () => {
  const [resumed] = run.seen("theater:simple/supervisor#resume", "works");
  const child = new Probe(((resumed?.gave ?? {}) as { ok: string }).ok);
  expect(await child.state()).toEqual({ kept: 1 });
});

test.for(exports)("%s: called, refused, given bad input, recorded", async ([about, row]) => {
  for (const column of COLUMNS) {
    const cell = await row[column](scene);
    expect(cell).not.toBe("");
    table.set(about, column, cell);
  }
});

test("the chains of all this verify, and their replays agree", async () => {
  for (const { id } of [scene.actor, scene.narrow, scene.peer, scene.called]) {
    expect(must(await theater.verify(id))).toMatchObject({ verdict: "verified" });
    expect(must(await theater.replay(id, null))).toMatchObject({ verdict: "verified" });
  }
});

const gaps = ABOUTS.flatMap((about) => {
  const gap = gapOf(about);
  return gap === undefined ? [] : [[about, gap] as const];
});

/** What the host calls: for every kind of message, whatever its parameters. */
const DRIVEN = MESSAGE_KINDS.flatMap((kind) =>
  [["", { "error-type": "" }], ["", null], [""]].map((params) => exportFor(kind, params)),
);

test.for(gaps)("%s is a gap still: else take it from gaps.ts", ([about, gap]) => {
  expect(registry.isPure(about)).toBe(false);
  expect(registry.findHostFunction(about)).toBeUndefined();
  expect(DRIVEN).not.toContain(about);
  for (const column of COLUMNS) table.set(about, column, column === "works" ? gap : "–");
});

test("docs/conformance.md is what this run saw (else: cp build/conformance.md docs/)", async () => {
  const stands = await (await page().fetch("http://page/")).text();
  expect(stands).toBe(HEAD + table.markdown());
});
