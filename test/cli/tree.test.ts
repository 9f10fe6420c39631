import { expect, test, vi } from "vitest";
import { problem, serve } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

// Each test is a whole process, some are several, and machines are busy.
vi.setConfig({ testTimeout: 30_000 });

const idOf = (letter: string): string => letter.repeat(32);

function node(letter: string, fields: object = {}): object {
  return {
    id: idOf(letter),
    name: letter,
    child: null,
    status: "running",
    incarnation: 1,
    starts: 1,
    lastExit: null,
    strategy: null,
    more: false,
    children: [],
    ...fields,
  };
}

const FAMILY = node("a", {
  strategy: "rest-for-one",
  children: [
    node("b", {
      child: "packer",
      starts: 3,
      lastExit: "trap",
      children: [node("c", { child: "c" })],
    }),
    node("d", { id: null, child: "late\u001B[2J", name: "late", status: "waiting", starts: 0 }),
    node("f", { child: idOf("f"), name: "spawned" }),
    node("e", { child: "e", status: "failed", starts: 2, lastExit: "limit", more: true }),
  ],
});

test("a tree is drawn with status, restarts and the last cause, and no actor's name controls the terminal", async () => {
  await using server = await serve(() => ({ json: FAMILY }));
  const { code, stdout } = await theater(["tree", idOf("a")], server);
  expect(server.received.map(({ path }) => path)).toEqual([`/v1/actors/${idOf("a")}/tree`]);
  expect(code).toBe(0);
  expect(stdout).toBe(
    [
      `a  running  rest-for-one  ${idOf("a")}`,
      `├─ packer  (b)  running  2 restarts  last ended: trap  ${idOf("b")}`,
      `│  └─ c  running  ${idOf("c")}`,
      "├─ late\\u{1b}[2J  (late)  waiting  not born yet",
      `├─ spawned  running  ${idOf("f")}`,
      `└─ e  failed  1 restart  last ended: limit  ${idOf("e")}`,
      "   └─ … more",
      "",
    ].join("\n"),
  );
});

test("with --json the tree is the server's own", async () => {
  await using server = await serve(() => ({ json: FAMILY }));
  const { stdout } = await theater(["tree", idOf("a"), "--json"], server);
  expect(JSON.parse(stdout)).toEqual(FAMILY);
});

test("without an id all roots are drawn", async () => {
  const listed = [
    { id: idOf("a"), parent: null },
    { id: idOf("b"), parent: idOf("a") },
    { id: idOf("d"), parent: null },
  ];
  await using server = await serve(({ path }) =>
    path.includes("/tree")
      ? { json: node(path.includes(idOf("a")) ? "a" : "d") }
      : { json: { actors: listed, cursor: null } },
  );
  const { stdout } = await theater(["tree"], server);
  expect(stdout).toBe(`a  running  ${idOf("a")}\nd  running  ${idOf("d")}\n`);
});

test("followed, it is drawn again when it changes and only then, also past a server that is busy", async () => {
  const statuses = ["running", "running", "busy", "failed", "gone"];
  await using server = await serve(({ path }) => {
    const status = statuses.shift() ?? "gone";
    if (status === "busy") return problem(503, "unavailable", "Try again.");
    return status === "gone" || !path.includes("tree")
      ? undefined
      : { json: node("a", { status }) };
  });
  const { code, stdout } = await theater(["tree", idOf("a"), "--follow", "--json"], server);
  const shown = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { status: string });
  expect(shown.map(({ status }) => status)).toEqual(["running", "failed"]);
  expect(code).toBe(1);
});
