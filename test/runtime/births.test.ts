// What a birth pins of the children to come, and what of it can be refused.

import { expect, test } from "vitest";
import { readGenesis } from "../../src/runtime/birth/genesis.ts";
import { UNSUPERVISED } from "../../src/supervision/spec.ts";
import { digestText } from "../../src/chain/cid.ts";
import { Link } from "../../src/chain/value.ts";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { ensureTheaterError } from "../../src/lib/errors.ts";
import { starterOf } from "../../src/runtime/birth/starter-of.ts";
import { pluginsOf } from "../../src/runtime/environment.ts";
import { LabelledStores } from "../../src/store/labels.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { clearFaults, faults } from "./faults.ts";
import {
  bindings,
  must,
  probeComponent,
  start,
  startAnswer,
  theater,
  type Probe,
} from "./stage.ts";
import { registry } from "./worker.ts";

const CHILD = 'name = "worker"\nversion = "1"\ncomponent = "store://shared/worker"\n';

async function genesisOf(actor: Probe) {
  const { genesis } = must(await actor.stub.parentage());
  return readGenesis(genesis);
}

async function putManifest(label: string, text = CHILD): Promise<string> {
  return must(await theater.putContent("manifests", fromUtf8(text), label)).digest;
}

const supervising = (child: readonly object[], supervisor: object = {}) => ({
  manifest: { supervisor, child },
});

test("a birth of what this isolate knows asks for nothing, and writes one line and its events", async () => {
  must(await theater.head((await start()).id)); // whose events are in the ledger then
  const asked: string[] = [];
  faults.content = ({ name }, go) => {
    asked.push(`R2 ${name}`);
    return go();
  };
  faults.ledger = ({ name }, go) => {
    asked.push(`D1 ${name}`);
    return go();
  };
  try {
    await start();
  } finally {
    clearFaults();
  }
  // The directory's line; the events follow a little later, and may not be there yet.
  expect(asked.filter((name) => name.startsWith("R2"))).toEqual([]);
  expect([1, 2]).toContain(asked.length);
});

test("an actor that supervises nothing has nothing about it in its genesis", async () => {
  const actor = await start();
  const [created] = await actor.events(0);
  expect(created?.fields["supervision"]).toBe(null);
  const { supervision } = await genesisOf(actor);
  expect(supervision).toEqual({ spec: UNSUPERVISED, sources: new Map(), callbacks: false });
});

test("a genesis pins the policy, and each child's manifest and state as they were at the birth", async () => {
  const digest = await putManifest("worker");
  await theater.putContent("states", fromUtf8("from a store"), "first");
  const actor = await start(
    supervising(
      [
        { name: "a", manifest: "store://manifests/worker", init_state: "store://states/first" },
        { name: "b", manifest: digest, restart: "transient" },
      ],
      { strategy: "rest-for-one", backoff: { factor: 1.5, jitter: 0.25 } },
    ),
  );
  await putManifest("worker", `${CHILD}description = "another"\n`);
  const { supervision, manifest } = await genesisOf(actor);
  expect(supervision.spec).toMatchObject({
    strategy: "rest-for-one",
    backoff: { factor: 1.5, jitter: 0.25 },
    children: [
      { id: "a", restart: "permanent" },
      { id: "b", restart: "transient" },
    ],
  });
  expect([...supervision.sources]).toEqual([
    ["a", { manifest: digest, initState: fromUtf8("from a store") }],
    ["b", { manifest: digest, initState: null }],
  ]);
  const resolved = must(await theater.manifest(actor.id));
  expect(resolved.match(new RegExp(digest, "g"))).toHaveLength(2);
  expect(digestText(manifest)).toBe(must(await theater.inspect(actor.id)).manifest);
});

test.for<[string, object, string, RegExp]>([
  ["a path", { manifest: "./worker.toml" }, "bad-manifest", /`theater start` uploads/],
  ["a label that is not there", { manifest: "store://manifests/none" }, "not-found", /no label/],
  ["an unknown digest", { manifest: `sha256:${"0".repeat(64)}` }, "not-found", /upload it first/],
  ["what is no TOML", { manifest: "store://manifests/junk" }, "bad-manifest", /not valid TOML/],
  ["what is no text", { manifest: "store://manifests/binary" }, "bad-manifest", /no text/],
  [
    "what is far too long",
    { manifest: "store://manifests/long" },
    "bad-manifest",
    /at most 262144/,
  ],
  ["no manifest", { manifest: "store://manifests/nothing" }, "bad-manifest", /name/],
  ["one with an unknown key", { manifest: "store://manifests/typo" }, "bad-manifest", /handlr/],
  ["of an unknown handler", { manifest: "store://manifests/strange" }, "bad-manifest", /teleport/],
  [
    "one that asks for more than its supervisor holds",
    { manifest: "store://manifests/greedy" },
    "not-granted",
    /the parent probe does not hold it itself/,
  ],
  [
    "one whose component is on a server",
    { manifest: "store://manifests/remote" },
    "not-granted",
    /nothing is fetched/,
  ],
  [
    "one that lacks what its component imports",
    { manifest: "store://manifests/bare" },
    "missing-handler",
    /handler/,
  ],
  [
    "one whose state is not the size it may have",
    { manifest: "store://manifests/small", init_state: "x".repeat(101) },
    "too-large",
    /state_bytes of its manifest are 100/,
  ],
])("a birth is refused where a child's manifest is %s", async ([, child, code, says]) => {
  await putManifest("junk", "name =");
  await theater.putContent("manifests", Uint8Array.of(255, 254), "binary");
  await putManifest("long", " ".repeat(262_145));
  const bare = `name = "worker"\nversion = "1"\ncomponent = "${await probeComponent()}"\n`;
  await putManifest("nothing", 'title = "a shopping list"');
  await putManifest("typo", `${CHILD}[[handlr]]\ntype = "runtime"\n`);
  await putManifest("strange", `${CHILD}[[handler]]\ntype = "teleport"\n`);
  await putManifest("greedy", `${CHILD}[[handler]]\ntype = "http-client"\n`);
  await putManifest("remote", CHILD.replace("store://shared/worker", "https://example.com/c.wasm"));
  await putManifest("bare", bare);
  await putManifest("small", `${CHILD}[limits]\nstate_bytes = 100\n`);
  const fine = { name: "fine", manifest: await putManifest("worker") };
  const answer = await startAnswer(supervising([fine, { name: "a", ...child }]));
  expect(answer).toMatchObject({
    error: { message: expect.stringContaining('[[child]] "a": '), evidence: { child: "a" } },
  });
  expect(answer).toMatchObject({
    ok: false,
    error: { code, message: expect.stringMatching(says) },
  });
});

test("a birth is refused whose children do not fit into a genesis", async () => {
  const digest = await putManifest("worker");
  const child = (index: number) => ({
    name: `c${index}`,
    manifest: digest,
    init_state: "x".repeat(4_000),
  });
  const some = await startAnswer(supervising(Array.from({ length: 10 }, (_, i) => child(i))));
  expect(some).toMatchObject({ ok: true });
  const more = await startAnswer(supervising(Array.from({ length: 11 }, (_, i) => child(i))));
  expect(more).toMatchObject({
    ok: false,
    error: { code: "bad-manifest", message: expect.stringContaining("at most 60000 fit") },
  });
});

test("a manifest may be given by its digest or its label", async () => {
  const actor = await start();
  const { manifest } = must(await theater.inspect(actor.id));
  const again = must(
    await theater.start({ manifest, initState: null, parent: null, principal: "tester" }),
  );
  expect(must(await theater.inspect(again.id)).manifest).toBe(manifest);
});

// What an actor may not read it must not be able to have read to a child, whose state it can see.
test("a child's manifest reaches no store that its parent may not use, and no server", async () => {
  await theater.putContent("private", fromUtf8("secret"), "plan");
  await theater.putContent("shared", fromUtf8("news"), "plan");
  const content = new R2Store(bindings.CONTENT);
  const starter = starterOf(bindings, {
    content,
    stores: new LabelledStores(bindings.LEDGER, content),
    executor: new LoaderExecutor(bindings.LOADER, registry.isPure),
    registry,
    plugins: pluginsOf(bindings),
  });
  const component = await probeComponent();
  const conceive = async (parent: Probe, fields: object | string): Promise<string> => {
    const { seq, digest } = must(await parent.stub.parentage()).head;
    const event = new Link("dag-cbor", digest);
    const { permissions } = await genesisOf(parent);
    const handler = Object.keys(permissions.held).map((type) => ({ type }));
    const table = { name: "child", version: "1", component, handler };
    const manifest = typeof fields === "string" ? fields : { ...table, ...fields };
    const cause = { actor: parent.id, seq, event };
    try {
      const input = { manifest, initState: null, parent: { id: parent.id, permissions, cause } };
      const { initState } = await starter.conceive(input);
      return initState === null ? "" : toUtf8(initState);
    } catch (thrown) {
      return ensureTheaterError(thrown).code;
    }
  };
  const parent = await start({ handlers: { store: { stores: ["shared"] } } });
  expect(await conceive(parent, { init_state: "store://shared/plan" })).toBe("news");
  expect(await conceive(parent, { init_state: "store://private/plan" })).toBe("not-granted");
  expect(await conceive(parent, { component: "store://private/plan" })).toBe("not-granted");
  expect(await conceive(parent, { component: "https://example.com/c.wasm" })).toBe("not-granted");
  const child = [{ name: "a", manifest: "store://private/plan" }];
  expect(await conceive(parent, { child })).toBe("not-granted");
  const withState = [
    { name: "a", manifest: await putManifest("w"), init_state: "store://private/plan" },
  ];
  expect(await conceive(parent, { child: withState })).toBe("not-granted");
  expect(await conceive(parent, `#${" ".repeat(262_144)}`)).toBe("too-large");
  const big = "x".repeat(2_000);
  expect(await conceive(parent, { init_state: big })).toBe(big);
  expect(await conceive(parent, { init_state: big, limits: { state_bytes: 1_999 } })).toBe(
    "too-large",
  );
  const another = await start(); // it may use the stores that it makes, and has made none
  expect(await conceive(another, { init_state: "store://shared/plan" })).toBe("not-granted");
});
