// An actor's own files: each function, what the grant refuses, and that nothing of it is real before the commit.

import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { sha256 } from "../../src/chain/hash.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { folderDigest, type Named } from "../../src/runtime/files/tree-block.ts";
import { clearFaults, faults } from "./faults.ts";
import { hex, must, type Probe, type Program } from "./stage.ts";
import { call, gave, startTools, tools } from "./tools.ts";

afterEach(clearFaults);

const ALL = { filesystem: { read: true, write: true, allowed_paths: ["."] } };

const files = async (grant: Record<string, unknown> = {}): Promise<Probe> =>
  await tools({ filesystem: { ...ALL.filesystem, ...grant } });

test("each function does what its name says, in one turn and in later ones", async () => {
  const actor = await files();
  const first: Program = [
    ["mkdir", "notes/old"],
    ["write", "notes/a.txt", "ä"],
    ["write", "./notes//b.txt", "b"],
    ["list", "notes"],
    ["read", "notes/a.txt"],
    ["path-exists", "notes/old"],
    ["path-exists", "notes/none"],
  ];
  expect(await gave(actor, ...first)).toEqual([
    null,
    null,
    null,
    ["a.txt", "b.txt", "old"],
    "ä",
    true,
    false,
  ]);
  const second: Program = [
    ["write", "notes/a.txt", "second"],
    ["delete", "notes/b.txt"],
    ["rmdir", "notes/old"],
    ["list", "notes"],
    ["list", "."],
  ];
  expect(await gave(actor, ...second)).toEqual([null, null, null, ["a.txt"], ["notes"]]);
  await actor.evict();
  expect(await gave(actor, ["read", "notes/a.txt"], ["rmdir", "notes"], ["list", ""])).toEqual([
    "second",
    null,
    [],
  ]);
});

test("every call is recorded with its arguments and what the guest saw", async () => {
  const actor = await files();
  await gave(actor, ["write", "a", "text"], ["read", "a"], ["read", "b"]);
  expect(await call(actor, "write-file")).toMatchObject({
    args: ["a", "text"],
    outcome: "returned",
    result: { ok: null },
  });
  expect(await call(actor, "read-file")).toMatchObject({
    args: ["b"],
    outcome: "returned",
    result: { err: "not-found: there is no file b" },
  });
});

test.for<[string, readonly unknown[], RegExp]>([
  ["reading what is not there", ["read", "none"], /not-found/],
  ["reading a folder", ["read", "dir"], /is-folder/],
  ["writing over a folder", ["write", "dir", ""], /is-folder/],
  ["writing into no folder", ["write", "none/a", ""], /not-found: there is no folder none/],
  ["writing into a file", ["write", "file/a", ""], /not-folder/],
  ["a folder in a file", ["mkdir", "file/a/b"], /not-folder: file is a file/],
  ["listing a file", ["list", "file"], /not-folder/],
  ["listing nothing", ["list", "none"], /not-found/],
  ["deleting what is not there", ["delete", "none"], /not-found/],
  ["deleting a folder as a file", ["delete", "dir"], /is-folder/],
  ["removing a file as a folder", ["rmdir", "file"], /not-folder/],
  ["removing the root", ["rmdir", "."], /root folder stays/],
  ["leaving the tree", ["read", "../a"], /bad-path/],
  ["an absolute path", ["read", "/file"], /bad-path/],
  ["a NUL", ["write", "a\0", ""], /bad-path/],
  ["a file of more than a MiB", ["write-long", "a", 1_048_577], /too-large/],
  ["a command", ["exec", ".", "ls", []], /unsupported: .*no processes/],
  ["a nix command", ["nix", ".", "ls"], /unsupported: .*no processes/],
])("%s is an error, and changes nothing", async ([, step, reason]) => {
  const actor = await files();
  await gave(actor, ["mkdir", "dir"], ["write", "file", "1"]);
  const [answer] = await gave(actor, step);
  expect(answer).toMatch(reason);
  expect(await gave(actor, ["list", "."], ["read", "file"])).toEqual([["dir", "file"], "1"]);
});

test.for<[string, Record<string, unknown>, readonly unknown[]]>([
  ["without a word about reading", { read: false }, ["read", "ok/a"]],
  ["without a word about writing", { write: false }, ["write", "ok/a", ""]],
  ["outside of the granted folder", {}, ["write", "other", ""]],
  ["in a folder whose name only begins like it", {}, ["mkdir", "okay"]],
  ["above the granted folder", {}, ["list", "."]],
  ["with no path granted", { allowed_paths: [] }, ["read", "ok/a"]],
])("%s a call is denied, and recorded so", async ([, grant, step]) => {
  const actor = await files({ allowed_paths: ["/ok"], ...grant });
  const [answer] = await gave(actor, step);
  expect(answer).toMatch(/^err: Permission denied: /);
  const events = await actor.events();
  const last = events.findLast(({ type }) => type === "host.called");
  expect(last).toMatchObject({ fields: { outcome: "denied", args: step.slice(1) } });
});

test("a handler without keys grants nothing", async () => {
  const actor = await tools();
  const answers = await gave(actor, ["write", "a", ""], ["read", "a"], ["path-exists", "a"]);
  for (const answer of answers) expect(answer).toMatch(/Permission denied/);
});

test("the limits of the manifest hold over all files, also within one turn", async () => {
  const actor = await files({ max_bytes: 10, max_files: 3 });
  const answers = await gave(
    actor,
    ["write", "a", "12345678"],
    ["write", "b", "123"],
    ["write", "a", "1234567890"],
    ["write", "b", ""],
    ["mkdir", "c"],
    ["mkdir", "d/e"],
    ["write", "d", ""],
  );
  expect(answers).toEqual([
    null,
    expect.stringMatching(/Permission denied: .*max_bytes/),
    null,
    null,
    null,
    expect.stringMatching(/Permission denied: .*max_files/),
    expect.stringMatching(/Permission denied: .*max_files/),
  ]);
  const more = [
    ["delete", "b"],
    ["write", "d", ""],
    ["write", "c/x", "1"],
  ];
  expect((await gave(actor, ...more)).slice(0, 2)).toEqual([null, null]);
});

test("a turn that does not commit leaves no trace in the files", async () => {
  const actor = await files();
  await gave(actor, ["mkdir", "dir"], ["write", "dir/a", "kept"]);
  const before = await stored(actor);
  const ended = await actor.ask([
    ["write", "dir/a", "lost"],
    ["write", "b", "lost"],
    ["rmdir", "dir"],
    ["refuse"],
  ]);
  expect(ended.gave).toBe("guest-error");
  expect(await stored(actor)).toEqual(before);
  expect(await gave(actor, ["read", "dir/a"], ["list", "."])).toEqual(["kept", ["dir"]]);
});

test("a commit that storage refuses leaves the files as they were", async () => {
  const actor = await files();
  await gave(actor, ["write", "a", "kept"]);
  await actor.sql(
    "CREATE TRIGGER no BEFORE INSERT ON file_root BEGIN SELECT RAISE(ABORT, 'full'); END",
  );
  const ended = await actor.ask([["write", "a", "lost"]]);
  expect(ended.gave).not.toEqual([null]);
  await actor.sql("DROP TRIGGER no");
  expect(await gave(actor, ["read", "a"])).toEqual(["kept"]);
});

test("a crash in the middle of a turn leaves the files as they were", async () => {
  const actor = await files();
  await gave(actor, ["write", "a", "kept"]);
  faults.guest = async (_, go) => {
    const output = await go();
    await actor.crash();
    return output;
  };
  await actor.ask([["write", "a", "lost"]]);
  clearFaults();
  expect(await gave(actor, ["read", "a"])).toEqual(["kept"]);
});

test("no actor has the files of another", async () => {
  const [one, two] = [await files(), await files()];
  await gave(one, ["write", "a", "mine"]);
  expect(await gave(two, ["list", "."], ["path-exists", "a"])).toEqual([[], false]);
});

test("an actor without the handler's files has no table for them", async () => {
  const answer = await startTools({});
  expect(answer.ok).toBe(true);
  const actor = await files();
  expect(await actor.sql("SELECT 1 FROM file_root")).toEqual([]);
  await gave(actor, ["list", "."], ["log", "nothing written"]);
  expect(await actor.sql("SELECT 1 FROM file_root")).toEqual([]);
});

test("each commit that changes files names a version, which can be computed from the record", async () => {
  const actor = await files();
  await gave(actor, ["mkdir", "d"], ["write", "d/a", "1"], ["write", "b", "22"]);
  await gave(actor, ["read", "b"]);
  await gave(actor, ["write", "b", "22"]);
  await gave(actor, ["delete", "d/a"]);
  const versions = await actor.sql("SELECT seq, hex(root) AS root FROM file_root ORDER BY seq");
  const folder = (children: Named[]): Uint8Array => folderDigest(children);
  const file = (name: string, text: string): Named => ({
    name,
    digest: sha256(fromUtf8(text)),
    bytes: text.length,
  });
  const [b, a] = [file("b", "22"), file("a", "1")];
  const roots = [[a], []].map((inside) =>
    hex(folder([b, { name: "d", digest: folder(inside), bytes: null }])).toUpperCase(),
  );
  expect(versions.map(({ root }) => root)).toEqual(roots);
  const commits = (await actor.events()).filter(({ type }) => type === "turn.committed");
  expect(versions.map(({ seq }) => seq)).toEqual([commits[1]?.seq, commits[4]?.seq]);
});

test("content that no file has any more is gone, and content that two files have is kept once", async () => {
  const actor = await files();
  await gave(actor, ["write", "a", "same"], ["write", "b", "same"], ["write", "c", "other"]);
  const contents = async () => (await actor.sql("SELECT content FROM file_content")).length;
  expect(await contents()).toBe(2);
  await gave(actor, ["write", "a", "new"], ["delete", "c"]);
  expect(await contents()).toBe(2);
  await gave(actor, ["rmdir", "."], ["delete", "a"], ["delete", "b"]);
  expect(await contents()).toBe(0);
});

test("a file above 64 KiB is written, read and recorded by reference", async () => {
  const actor = await files();
  await gave(actor, ["write-long", "long", 1_048_576]);
  expect(await gave(actor, ["read-length", "long"])).toEqual([1_048_576]);
  const { args } = await call(actor, "write-file");
  expect((args as unknown[])[1]).toMatchObject({ codec: "raw" });
});

test("once a write is erased, what it replaced since is nowhere", async () => {
  const actor = await files();
  await gave(actor, ["write", "a", "personal data"]);
  await gave(actor, ["write", "a", "***"]);
  const write = (await actor.events()).find(({ about, fields }) => {
    return about.endsWith("write-file") && String(fields["args"]).includes("personal");
  });
  must(await actor.stub.erase({ seqs: [write?.seq ?? -1], reason: "asked", by: "tester" }));
  const rows = JSON.stringify([
    await actor.sql("SELECT hex(content) FROM file_content"),
    await actor.sql("SELECT hex(payload) FROM event WHERE about LIKE '%file'"),
  ]);
  expect(rows).not.toContain(hex(fromUtf8("personal data")).toUpperCase());
  expect(await gave(actor, ["read", "a"])).toEqual(["***"]);
});

test("a folder takes a thousand names and no more, whenever they came", async () => {
  const actor = await files({ max_files: 2_000 });
  const names = Array.from({ length: 1_000 }, (_, n) => ["write", `f${n}`, ""]);
  await gave(actor, ...names.slice(0, 600));
  const answers = await gave(
    actor,
    ...names.slice(600),
    ["write", "one-more", ""],
    ["mkdir", "d/e"],
    ["delete", "f0"],
    ["write", "one-more", ""],
  );
  expect(answers.slice(400)).toEqual([
    expect.stringMatching(/^err: too-many/),
    expect.stringMatching(/^err: too-many/),
    null,
    null,
  ]);
});

/** A tree of files as a plain model: paths of two names at most. */
function modelOf(): { run: (step: readonly unknown[]) => void; files: Map<string, string> } {
  const tree = new Map<string, string>();
  const run = ([name, path, content]: readonly unknown[]): void => {
    const at = String(path);
    const isFile = tree.has(at);
    if (name === "write") tree.set(at, String(content));
    else if (name === "delete" && isFile) tree.delete(at);
  };
  return { run, files: tree };
}

test("whatever is written and deleted, over whichever turns, what is read is what a plain map says", async () => {
  const actor = await files();
  await gave(actor, ["mkdir", "x"], ["mkdir", "__proto__"]);
  const path = fc.constantFrom("a", "b", "x/a", "x/toString", "__proto__/a", "__proto__/__proto__");
  const step = fc.oneof(
    fc.tuple(fc.constant("write"), path, fc.string({ maxLength: 3 })),
    fc.tuple(fc.constant("delete"), path),
  );
  const model = modelOf();
  const turns = fc.sample(fc.array(step, { maxLength: 6 }), { numRuns: 12, seed: 7 });
  for (const turn of turns) {
    await gave(actor, ...turn);
    for (const each of turn) model.run(each);
  }
  const paths = ["a", "b", "x/a", "x/toString", "__proto__/a", "__proto__/__proto__"];
  const read = await gave(actor, ...paths.map((each) => ["read", each]));
  const expected = paths.map(
    (each) => model.files.get(each) ?? `err: not-found: there is no file ${each}`,
  );
  expect(read).toEqual(expected);
});

async function stored(actor: Probe): Promise<unknown> {
  return [
    await actor.sql("SELECT folder, name, hex(digest), bytes FROM file ORDER BY folder, name"),
    await actor.sql("SELECT hex(digest) FROM file_content ORDER BY digest"),
    await actor.sql("SELECT seq, hex(root) FROM file_root"),
  ];
}
