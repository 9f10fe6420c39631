// What an actor may do is settled at its birth: parent ∩ policy ∩ manifest, from what the parent's own
// genesis says. It holds at the start and at every call.

import { expect, test } from "vitest";
import { actorId } from "../../src/chain/actor-id.ts";
import { decodePayload, encodePayload } from "../../src/chain/payload.ts";
import type { Value } from "../../src/chain/value.ts";
import { must, Probe, start, startAnswer, theater, until, type StartOptions } from "./stage.ts";

interface Held {
  held: Record<string, unknown>;
  inheritable: Record<string, unknown>;
}

async function grantsOf(actor: Probe): Promise<Held> {
  return (await actor.events())[0]?.fields["grants"] as Held;
}

/** The refusal of a start, in short. */
async function refusal(options: StartOptions): Promise<string> {
  const answer = await startAnswer(options);
  return answer.ok ? "started" : `${answer.error.code}: ${answer.error.message}`;
}

const STORES = ["a".repeat(32), "b".repeat(32), "c".repeat(32)];

test("a child gets what its parent holds and it asks for, and nothing else", async () => {
  const parent = await start({
    handlers: { random: { max_bytes: 50, max_int: 1_000 }, store: { stores: STORES.slice(0, 2) } },
  });
  const child = await start({
    parent: parent.id,
    handlers: { random: { max_bytes: 70, max_int: 10 }, store: { stores: STORES.slice(1) } },
  });
  expect((await grantsOf(child)).held).toMatchObject({
    random: { maxBytes: 50, maxInt: 10 },
    store: { stores: [STORES[1]] },
  });
});

/** An actor as a start would never make it: its component imports what its genesis does not hold. */
async function withoutGrants(...types: string[]): Promise<Probe> {
  const usual = must(await (await start()).stub.parentage());
  const { salt: _, ...fields } = decodePayload("actor.created", usual.genesis);
  const { held } = fields.grants as unknown as Held;
  const left = Object.fromEntries(Object.entries(held).filter(([type]) => !types.includes(type)));
  const grants = { held: left, inheritable: left } as Value;
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const genesis = encodePayload("actor.created", { ...fields, grants }, salt).block;
  const actor = new Probe(actorId(genesis));
  must(await actor.stub.create({ genesis, initState: null, createdMs: Date.now() }));
  return actor;
}

test("every call is checked again: by the host where it answers, and in the isolate", async () => {
  const actor = await withoutGrants("store", "random");
  expect((await actor.ask([["echo", 1]])).gave).toEqual([1]);
  for (const step of [
    ["put", "x"],
    ["random", 4],
  ]) {
    const { gave, message } = await actor.ask([step]);
    expect(gave).toBe("host-failure");
    expect(message).toMatch(/theater:simple\/\w+#[\w-]+ is not granted$/);
  }
  expect((await actor.lines()).slice(-2)).toEqual([
    expect.stringMatching(/^message.received request/),
    expect.stringMatching(/^turn.failed host\/host-call/),
  ]);
});

test("without message-server an actor is sent nothing, whoever sends, and the sender's chain says why", async () => {
  const mute = await withoutGrants("message-server");
  expect(await mute.tell([["echo", 1]])).toBe("missing-handler");
  expect((await mute.ask([["echo", 1]])).gave).toBe("missing-handler");
  const sender = await start();
  await sender.ask([["send", mute.id, []]]);
  await until(async () => (await sender.events()).some(({ type }) => type === "send.failed"));
  const failed = (await sender.events()).find(({ type }) => type === "send.failed");
  expect(failed?.fields).toMatchObject({ reason: "missing-handler" });
  const received = (await mute.events()).filter(({ type }) => type === "message.received");
  expect(received.map(({ about }) => about)).toEqual(["lifecycle"]);
});

test("what the manifest asks beyond the parent is denied at the call, and the denial is recorded", async () => {
  const parent = await start({ handlers: { random: { max_bytes: 4 } } });
  const child = await start({ parent: parent.id, handlers: { random: { max_bytes: 100 } } });
  expect((await child.ask([["random", 4]])).gave).toHaveLength(1);
  const { gave, message } = await child.ask([["random", 5]]);
  expect([gave, message]).toEqual([
    "guest-error",
    "Permission denied: at most 4 random bytes in one call",
  ]);
  const denied = (await child.events()).findLast(({ type }) => type === "host.called");
  expect(denied).toMatchObject({
    about: "theater:simple/random#random-bytes",
    fields: { args: [5], outcome: "denied" },
  });
});

test("a grandchild gets no more than the child, whatever its own manifest says", async () => {
  const parent = await start({ handlers: { random: { max_bytes: 10 } } });
  const child = await start({ parent: parent.id, handlers: { random: { max_bytes: 8 } } });
  const grandchild = await start({ parent: child.id, handlers: { random: { max_bytes: 9 } } });
  expect((await grantsOf(grandchild)).held["random"]).toMatchObject({ maxBytes: 8 });
});

test("a policy restricts what children get, and the actor itself keeps what it has", async () => {
  const policy = { random: { type: "restrict", config: { max_bytes: 3, max_int: 100 } } };
  const parent = await start({ manifest: { permission_policy: policy } });
  expect(await grantsOf(parent)).toMatchObject({
    held: { random: { maxBytes: 1024 * 1024 } },
    inheritable: { random: { maxBytes: 3, maxInt: 100 } },
  });
  expect((await parent.ask([["random", 4]])).message).toBe("");
  const child = await start({ parent: parent.id });
  expect((await grantsOf(child)).held["random"]).toEqual({ maxBytes: 3, maxInt: 100 });
  expect((await child.ask([["random", 4]])).message).toMatch(/^Permission denied/);
});

test("a policy cannot give what the actor does not hold", async () => {
  const policy = { store: { type: "restrict", config: { stores: STORES } } };
  const parent = await start({
    handlers: { store: { stores: STORES.slice(0, 1) } },
    manifest: { permission_policy: policy },
  });
  expect((await grantsOf(parent)).inheritable["store"]).toEqual({ stores: STORES.slice(0, 1) });
});

test("a start is refused where the parent's policy disallows a handler, and says so", async () => {
  const policy = { message_server: { type: "disallow" } };
  const parent = await start({ manifest: { permission_policy: policy } });
  expect(await refusal({ parent: parent.id })).toBe(
    `not-granted: Remove [[handler]] type = "message-server": [permission_policy.message_server] of the ` +
      `parent ${parent.id} does not let its children have it.`,
  );
  expect(must(await theater.list(childrenOf(parent.id))).actors).toEqual([]);
});

test("a start is refused where nothing is left of a key, and names whose key forbids it", async () => {
  const asks = { handlers: { store: { stores: [STORES[2]] } } };
  const narrow = await start({ handlers: { store: { stores: STORES.slice(0, 1) } } });
  expect(await refusal({ ...asks, parent: narrow.id })).toBe(
    `not-granted: Ask for less in stores of [[handler]] type = "store": nothing of ["${STORES[2]}"] is within ` +
      `what the parent ${narrow.id} holds, ["${STORES[0]}"].`,
  );
  const strict = await start({
    handlers: { store: { stores: STORES } },
    manifest: {
      permission_policy: { store: { type: "restrict", config: { stores: [STORES[1]] } } },
    },
  });
  expect(await refusal({ ...asks, parent: strict.id })).toContain(
    `what [permission_policy.store] of the parent ${strict.id} leaves, ["${STORES[1]}"].`,
  );
});

test("a start is refused where the parent lacks the handler itself", async () => {
  const policy = { timing: { type: "disallow" } };
  const parent = await start({ manifest: { permission_policy: policy } });
  // A child without timing cannot be made of the probe, which imports it: so the policy answers first.
  expect(await refusal({ parent: parent.id })).toMatch(/^not-granted: .*permission_policy.timing/);
  expect(await refusal({ parent: "a".repeat(32) })).toMatch(/^not-found: /);
});

test("a start with a manifest that lacks an import's handler is refused", async () => {
  const handler = [{ type: "runtime" }, { type: "message-server" }];
  expect(await refusal({ manifest: { handler } })).toMatch(
    /^missing-handler: .*type = "random".*type = "store"|^missing-handler: .*type = "store"/,
  );
});

test("a child's genesis names its parent and the parent's event; the object believes only that", async () => {
  const parent = await start();
  const { head } = await parent.summary();
  const child = await start({ parent: parent.id });
  const [created, , message] = await child.events();
  expect(created?.fields["parent"]).toMatchObject({ actor: parent.id, seq: head.seq });
  expect(message?.fields).toMatchObject({ from: parent.id, cause: { actor: parent.id } });
  expect((await child.summary()).parent).toBe(parent.id);
  expect(must(await theater.list(childrenOf(parent.id))).actors.map(({ id }) => id)).toEqual([
    child.id,
  ]);
});

test("the same key under another parent is another birth, and is refused", async () => {
  const [one, two] = [await start(), await start()];
  await start({ key: "birth-of-child", parent: one.id });
  expect(await refusal({ key: "birth-of-child", parent: two.id })).toMatch(/^key-reused/);
  expect(await refusal({ key: "birth-of-child" })).toMatch(/^key-reused/);
});

test("a stopped actor gets no children", async () => {
  const parent = await start();
  await parent.change("stop");
  expect(await refusal({ parent: parent.id })).toMatch(/^wrong-state: The parent is stopped/);
});

test("a parent's permissions survive its eviction: they come from its genesis", async () => {
  const parent = await start({ handlers: { random: { max_bytes: 6 } } });
  await parent.evict();
  const child = await start({ parent: parent.id });
  expect((await grantsOf(child)).held["random"]).toMatchObject({ maxBytes: 6 });
});

test("variables are replaced before genesis: the recorded manifest is what was granted", async () => {
  const actor = await start({
    manifest: { name: "{{default app.name 'probe'}}-{{stage}}" },
    handlers: { random: { max_bytes: "{{limits.bytes}}" } },
    variables: { stage: "test", limits: { bytes: 12 } },
  });
  expect((await actor.summary()).name).toBe("probe-test");
  expect((await grantsOf(actor)).held["random"]).toMatchObject({ maxBytes: 12 });
  const text = must(await theater.manifest(actor.id));
  expect(text).toContain('name = "probe-test"');
  expect(text).toContain("max_bytes = 12");
});

test("an initial state from a store is what the first turn gets", async () => {
  const { digest } = must(
    await theater.putContent("settings", new TextEncoder().encode('{"heard":["kept"]}'), "start"),
  );
  const [byLabel, byHash] = [
    await start({ manifest: { init_state: "store://settings/start" } }),
    await start({ manifest: { init_state: `store://settings/hash/${digest.slice(7)}` } }),
  ];
  expect(await byLabel.state()).toMatchObject({ heard: ["kept"] });
  expect(await byHash.state()).toMatchObject({ heard: ["kept"] });
  expect(await refusal({ manifest: { init_state: "store://settings/none" } })).toMatch(
    /^not-found/,
  );
  expect(await refusal({ manifest: { init_state: "./state.json" } })).toMatch(/reads no files/);
});

function childrenOf(parent: string) {
  return { status: null, parent, cursor: null, limit: 10 };
}
