// What the record says of each kind of action: not only that it happened, but all of it. The table in
// docs/chain-format.md names the test for every kind.

import { afterEach, expect, test } from "vitest";
import { actorId } from "../../src/chain/actor-id.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { clearFaults } from "./faults.ts";
import { bodyOf, start, type Probe, type Program, type Told } from "./stage.ts";

afterEach(clearFaults);

async function newest(actor: Probe, type: string): Promise<Told["fields"]> {
  return (await actor.events()).findLast((event) => event.type === type)?.fields ?? {};
}

const json = (bytes: unknown): unknown => JSON.parse(toUtf8(bytes as Uint8Array));

test("a birth is recorded with what the actor may do, and with its first message", async () => {
  const actor = await start({ limits: { state_bytes: 4_096 }, init: [["log", "born"]] });
  const [created, started, message] = await actor.events();
  expect(created).toMatchObject({ seq: 0, type: "actor.created" });
  const { name, grants, limits, parent } = created?.fields ?? {};
  expect({ name, parent }).toEqual({ name: "probe", parent: null });
  const { held, inheritable } = grants as Record<string, Record<string, unknown>>;
  expect(held).toMatchObject({
    "message-server": {},
    store: { stores: [] },
    random: { maxBytes: 1024 * 1024, maxInt: 2n ** 64n - 1n },
  });
  expect(inheritable).toEqual(held);
  expect(limits).toMatchObject({ stateBytes: 4_096 });
  expect(started).toMatchObject({
    type: "actor.started",
    fields: { reason: "created", by: null, state: null },
  });
  expect(message).toMatchObject({ type: "message.received", about: "lifecycle" });
  const [[state]] = (message?.fields["params"] ?? [[]]) as [[Uint8Array]];
  expect(json(state)).toEqual({ init: [["log", "born"]] });
});

test("a message is recorded with its kind, its sender and its bytes, and a reply with its bytes", async () => {
  const actor = await start();
  const program: Program = [["echo", "ping"]];
  await actor.ask(program);
  const [id, body] = (await newest(actor, "message.received"))["params"] as [string, Uint8Array];
  expect(await newest(actor, "message.received")).toMatchObject({
    id,
    kind: "request",
    from: "external",
    cause: null,
  });
  expect(body).toEqual(bodyOf(program));
  const [reply] = (await newest(actor, "turn.committed"))["result"] as [[Uint8Array]];
  expect(json(reply[0])).toEqual(["ping"]);
});

test("a host call is recorded with its arguments and what the guest saw", async () => {
  const actor = await start();
  const { gave } = await actor.ask([["log", "a line"], ["now"]]);
  const [log, now] = (await actor.events()).filter(({ type }) => type === "host.called").slice(-2);
  expect(log?.fields).toMatchObject({ args: ["a line"], outcome: "returned", result: null });
  expect(now?.fields).toMatchObject({ args: [], outcome: "returned" });
  expect(Number(now?.fields["result"])).toBe((gave as unknown[])[1]);
});

test("a call that is denied is recorded as denied, with its arguments", async () => {
  const actor = await start();
  expect((await actor.ask([["random", 2_000_000]])).gave).toBe("guest-error");
  const denied = await newest(actor, "host.called");
  expect(denied).toMatchObject({ outcome: "denied" });
  expect(String((denied["args"] as unknown[])[0])).toBe("2000000");
});

test("a call that failed is recorded as failed", async () => {
  const actor = await start();
  const nobody = actorId(fromUtf8("nobody"));
  await actor.ask([["request", nobody, [["turns"]]]]);
  expect(await newest(actor, "host.intended")).toMatchObject({ args: [nobody, expect.anything()] });
  expect(await newest(actor, "host.returned")).toMatchObject({ outcome: "failed" });
});

test("a new state is recorded whole where it changes, and only there", async () => {
  const actor = await start();
  await actor.ask([["pad", 3]]);
  const states = (await actor.events())
    .filter(({ type }) => type === "turn.committed")
    .map(({ fields }) => (fields["state"] as Uint8Array[] | null)?.map(json) ?? null);
  expect(states).toEqual([[{ turns: 0, heard: [] }], [{ turns: 1, heard: [], pad: "xxx" }]]);
  expect(states[1]).toEqual([await actor.state()]);
});

test("a guest's error is recorded in its words", async () => {
  const actor = await start();
  await actor.ask([["refuse", "no such piece"]]);
  expect(String((await newest(actor, "turn.refused"))["error"])).toContain("no such piece");
});

test("every change of status is an event, which names who asked for it", async () => {
  const actor = await start();
  const from = await actor.nextSeq();
  for (const change of ["pause", "resume", "stop", "restart", "terminate"] as const) {
    await actor.change(change);
  }
  const said = (await actor.events(from)).map(({ type, fields: { by, reason } }) => [
    type,
    by,
    reason,
  ]);
  expect(said).toEqual([
    ["actor.paused", "tester", undefined],
    ["actor.resumed", "tester", undefined],
    ["actor.stopped", "tester", "stop"],
    ["actor.started", "tester", "restart"],
    ["actor.stopped", "tester", "terminate"],
  ]);
});
