// What the command line makes of a server's answers to an upgrade, and to a component held against all histories.

import { expect, test, vi } from "vitest";
import { problem, serve, type Received } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

const [FIRST, SECOND, THIRD] = ["a".repeat(32), "b".repeat(32), "c".repeat(32)];
const [NEW, OLD] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`];
const turns = { agreed: 3, cut: 0, erased: 0 };
const rehearsal = { from: 0, to: 8, turns, verdict: "agreed" };
const event = { seq: 9, cid: `b${"a".repeat(58)}` };
const side = (result: string) => ({
  type: "host.called",
  about: "x:y/z#f",
  wit: null,
  fields: { result },
});
const difference = {
  seq: 5,
  turn: 2,
  likely: "component-differs",
  expected: side("was"),
  found: side("\u001b[31mis"),
};

vi.setConfig({ testTimeout: 30_000 }); // each test starts processes

test("a rehearsal in parts is one upgrade, under one key", async () => {
  const report = { actor: FIRST, component: NEW, rehearsal, accepted: null, head: 20 };
  let asked = 0;
  await using server = await serve(() => {
    if (++asked === 2) return problem(502, "outcome-unknown", "The connection to the actor broke.");
    const isLast = asked === 3;
    const json = isLast
      ? { ...report, status: "upgraded", event }
      : { ...report, status: "rehearsing", event: null };
    return { status: isLast ? 200 : 202, json };
  });
  const args = ["upgrade", FIRST, "--component", NEW, "--from", "4", "--accept", "why not"];
  const { code, stdout, stderr } = await theater(args, server);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `upgraded at event 9 to ${NEW}\n3 turns agree, events 0 to 8\n`,
  });
  expect(stderr).toContain("3 turns agree so far, up to event 8 of 20");
  const [first, ...rest] = server.received;
  expect(JSON.parse(String(first?.body))).toEqual({ component: NEW, from: 4, accept: "why not" });
  expect(rest.map(({ headers, body }) => [headers["idempotency-key"], String(body)])).toEqual(
    Array.from({ length: 2 }, () => [first?.headers["idempotency-key"], String(first?.body)]),
  );
});

test("a difference exits 3 and shows both sides, and anything else that is refused exits 1", async () => {
  await using server = await serve(({ path }) =>
    path.includes(FIRST)
      ? problem(409, "rehearsal-differs", "It differs.", { rehearsal, difference })
      : problem(409, "wrong-state", "The actor is deleted, and stays as it is."),
  );
  const { code, stdout } = await theater(["upgrade", FIRST, "--component", NEW], server);
  expect(code).toBe(3);
  expect(stdout).toContain(
    "refused: 3 turns agree, events 0 to 8\nturn 2 parts from its record at event 5",
  );
  expect(stdout).toContain('now       host.called x:y/z#f {"result":"\\u001b[31mis"}');
  expect((await theater(["upgrade", SECOND, "--rollback"], server)).code).toBe(1);
});

const actors = [
  { id: FIRST, name: "chess", component: OLD },
  { id: SECOND, name: "chess", component: NEW },
  { id: THIRD, name: "other", component: OLD },
];

function fleet({ path }: Received) {
  const isFirst = path === "/v1/actors?limit=1000";
  if (isFirst) return { json: { actors: actors.slice(0, 1), cursor: "x" } };
  if (path.startsWith("/v1/actors?")) return { json: { actors: actors.slice(1), cursor: null } };
  if (path.includes(THIRD)) return problem(422, "missing-handler", "Add [[handler]].");
  const isSecond = path.includes(SECOND);
  const verdict = isSecond ? "diverged" : "verified";
  const report = {
    actor: "",
    verdict,
    turns,
    erasedTurns: [],
    difference: isSecond ? difference : null,
  };
  const isPart = !path.includes("cursor");
  return { json: { ...report, chain: {}, next: isPart && !isSecond ? "cursor" : null } };
}

test("all actors of a name are asked, page by page and part by part, and one difference exits 3", async () => {
  await using server = await serve(fleet);
  const args = ["replay", "--all", "--component", NEW, "--since", "2026-11-01", "--json"];
  const named = await theater([...args, "--name", "chess"], server);
  expect(named.code).toBe(3);
  expect(JSON.parse(named.stdout)).toMatchObject({
    component: NEW,
    differing: 1,
    actors: [
      { actor: FIRST, verdict: "verified", turns: { agreed: 6 }, difference: null },
      { actor: SECOND, verdict: "diverged", difference },
    ],
  });
  const since = String(Date.parse("2026-11-01"));
  const replays = server.received.filter(({ path }) => path.includes("/replay"));
  expect(replays.every(({ path }) => path.includes(`since=${since}`))).toBe(true);
  expect(server.received.filter(({ method }) => method === "PUT")).toEqual([]);
});

test("a component that could not run somewhere is a difference too, and nothing to replace is none", async () => {
  await using server = await serve(fleet);
  const all = ["replay", "--all", "--component", NEW];
  const [running, nobody, unsaid] = await Promise.all([
    theater([...all, "--of", OLD], server),
    theater([...all, "--name", "none"], server),
    theater(all, server),
  ]);
  expect(running.code).toBe(3);
  expect(running.stdout).toContain("missing-handler: Add [[handler]].");
  expect(running.stdout).toContain("1 of 2 histories would be another");
  expect(nobody).toMatchObject({
    code: 0,
    stdout: "no actor runs what this component would replace\n",
  });
  expect(unsaid.code).toBe(1);
  expect(unsaid.stderr).toContain("--name");
});
