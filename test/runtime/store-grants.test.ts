// The store from a guest: all its functions, and which stores an actor reaches.

import { expect, test } from "vitest";
import { sha256 } from "../../src/chain/hash.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { hex, Probe, type Program } from "./stage.ts";
import { call, childManifest, gave, tools } from "./tools.ts";

const digest = (text: string): string => hex(sha256(fromUtf8(text)));
const [one, two] = [digest("one"), digest("two")];

test("each of the fourteen functions does what its name says", async () => {
  const actor = await tools();
  const [id] = (await gave(actor, ["store-new"])) as [string];
  const program: [readonly unknown[], unknown][] = [
    [["store-put", id, "one"], one],
    [["store-get", id, one], "one"],
    [["store-exists", id, one], true],
    [["store-exists", id, two], false],
    [["store-label", id, "a", one], null],
    [["store-by-label", id, "a"], one],
    [["store-by-label", id, "b"], null],
    [["store-put-at", id, "b", "two"], two],
    [["store-replace-content", id, "a", "two"], two],
    [["store-by-label", id, "a"], two],
    [["store-replace", id, "a", one], null],
    [
      ["store-labels", id],
      ["a", "b"],
    ],
    [["store-unlabel-from", id, "b", two], null],
    [["store-unlabel", id, "a"], null],
    [["store-labels", id], []],
    [["store-all", id], expect.arrayContaining([one, two])],
    [["store-size", id], 6],
  ];
  expect(await gave(actor, ...program.map(([step]) => step))).toEqual(
    program.map(([, gives]) => gives),
  );
});

/** Every function on a store, with content and a label that its owner has put there. */
const onStore = (id: string): Program => [
  ["store-get", id, one],
  ["store-exists", id, one],
  ["store-by-label", id, "a"],
  ["store-labels", id],
  ["store-all", id],
  ["store-size", id],
  ["store-put", id, "two"],
  ["store-label", id, "b", one],
  ["store-put-at", id, "c", "two"],
  ["store-replace-content", id, "d", "two"],
  ["store-replace", id, "a", one],
  ["store-unlabel-from", id, "a", two],
  ["store-unlabel", id, "none"],
];

test("a store of another actor is reached by no function, unless the manifest names it", async () => {
  const owner = await tools();
  const [id] = (await gave(owner, ["store-new"])) as [string];
  await gave(owner, ["store-put-at", id, "a", "one"]);
  const stranger = await tools();
  const refused = await gave(stranger, ...onStore(id));
  expect(new Set(refused)).toEqual(
    new Set([`err: Permission denied: the store ${id} is not granted to this actor`]),
  );
  const events = (await stranger.events()).filter(({ about }) => about.includes("store#"));
  const outcomes = events
    .map(({ fields }) => fields["outcome"])
    .filter((outcome) => outcome !== undefined);
  expect(outcomes).toEqual(onStore(id).map(() => "denied"));
  expect(await gave(owner, ["store-labels", id], ["store-size", id])).toEqual([["a"], 3]);
  const guest = await tools({ store: { stores: [id] } });
  const allowed = await gave(guest, ...onStore(id));
  expect(allowed.filter((answer) => String(answer).includes("denied"))).toEqual([]);
  expect(allowed.slice(0, 3)).toEqual(["one", true, one]);
});

test("a store that nobody has, and content that a store lacks, are errors on record", async () => {
  const actor = await tools();
  const [id] = (await gave(actor, ["store-new"])) as [string];
  const answers = await gave(
    actor,
    ["store-get", "0".repeat(32), one],
    ["store-get", "../../etc", one],
    ["store-get", id, two],
    ["store-get", id, "no digest"],
    ["store-label", id, "a", two],
  );
  for (const answer of answers) expect(answer).toMatch(/^err: /);
  expect(await call(actor, "store#get")).toMatchObject({
    args: [id, { hash: "no digest" }],
    outcome: "returned",
  });
});

test("a store that a parent made is the parent's own, unless a child's manifest and the parent's both name it", async () => {
  const parent = await tools();
  const [made] = (await gave(parent, ["store-new"])) as [string];
  const naming = (store: string) =>
    childManifest().then((text) =>
      text.replace('type = "store"\n', `type = "store"\nstores = ["${store}"]\n`),
    );
  const spawn = async (actor: Probe, store: string): Promise<{ gave?: string; err?: string }> =>
    (
      await gave(actor, ["call", "theater:simple/supervisor#spawn", await naming(store), null])
    )[0] as {};
  expect((await spawn(parent, made)).err).toMatch(/^not-granted: Ask for less in stores/);
  const named = await tools({ store: { stores: [made] } });
  const { gave: id = "" } = await spawn(named, made);
  expect(await gave(new Probe(id), ["store-put", made, "one"])).toEqual([one]);
});
