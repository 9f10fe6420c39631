// `theater replay` of a living actor, part by part: what is kept of a run that was interrupted, and what a later one
// makes of it.

import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeOutput } from "../../src/cli/output.ts";
import { replayParts } from "../../src/cli/replay-parts.ts";
import { problem, serve, type Canned } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

/** Processes start, on a machine that may be busy. */
const TIMEOUT = { timeout: 30_000 };
const ID = "a".repeat(32);

function part(agreed: number, next: string | null): Canned {
  const turns = { agreed, cut: 0, erased: 0, foreign: 0 };
  const none = { erased: [], withheld: [], firstBad: null };
  const chain = { verdict: "verified", actor: ID, events: 3, head: null, ...none };
  const report = { verdict: "verified", turns, erasedTurns: [], difference: null, ran: null };
  return { json: { actor: ID, ...report, chain, next } };
}

test(
  "a replay that broke off goes on at its last place with what it had counted",
  TIMEOUT,
  async () => {
    const cwd = await mkdtemp(join(tmpdir(), "theater-replay-"));
    let isUp = false;
    await using server = await serve(({ path }) => {
      if (!path.includes("cursor=")) return part(5, "first");
      return isUp ? part(2, null) : problem(503, "unavailable", "Come back later.");
    });
    const args = ["replay", ID, "--progress", "note", "--json"];
    const broken = await theater(args, { ...server, cwd });
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain("unavailable");
    isUp = true;
    const done = await theater(args, { ...server, cwd });
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ verdict: "verified", turns: { agreed: 7 } });
    const asked = server.received.map(({ path }) => new URL(path, server.url).search);
    expect(asked).toEqual(["", "?cursor=first", "?cursor=first"]);
    expect(await readdir(cwd)).toEqual([]);
  },
);

test(
  "the progress of another replay is neither used nor lost, and another file is left alone",
  TIMEOUT,
  async () => {
    const cwd = await mkdtemp(join(tmpdir(), "theater-replay-"));
    const other = {
      actor: "b".repeat(32),
      component: null,
      cursor: "x",
      turns: {},
      erasedTurns: [],
    };
    await writeFile(join(cwd, "note"), JSON.stringify(other));
    await writeFile(join(cwd, "mine"), "a letter");
    await using server = await serve(() => part(1, null));
    const options = { ...server, cwd };
    const refused = await theater(["replay", ID, "--progress", "note"], options);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("another replay") });
    const letter = await theater(["replay", ID, "--progress", "mine"], options);
    expect(letter).toMatchObject({ code: 1, stderr: expect.stringContaining("something else") });
    for (const range of [
      ["--from", "3"],
      ["--since", "7d"],
    ]) {
      const alone = await theater(["replay", ID, ...range], options);
      expect(alone.stderr).toContain("with --component");
    }
    expect(server.received).toEqual([]);
    expect(JSON.parse(await readFile(join(cwd, "note"), "utf8"))).toEqual(other);
    expect(await readFile(join(cwd, "mine"), "utf8")).toBe("a letter");
  },
);

test("what was kept counts only for the range that was asked for then", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "theater-replay-")), "note");
  const output = makeOutput(true);
  const run = async (range: { from?: number; since?: number }, ends = false): Promise<unknown> => {
    const asked: (string | null)[] = [];
    const part = async (cursor: string | null): Promise<Record<string, unknown>> => {
      asked.push(cursor);
      if (cursor !== null && !ends) throw new Error("broke off");
      const next = cursor === null ? "first" : null;
      return { turns: { agreed: 1 }, erasedTurns: [], next };
    };
    const replayed = { actor: ID, component: "c", range, part };
    const thrown: unknown = await replayParts(output, replayed, path).catch((one: unknown) => one);
    return thrown instanceof Error ? thrown.message : asked;
  };
  const week = 7 * 86_400_000;
  expect(await run({ from: 10 })).toBe("broke off");
  for (const other of [{}, { from: 11 }, { since: Date.now() - week }]) {
    expect(await run(other, true)).toContain("another replay");
  }
  expect(await run({ from: 10 }, true)).toEqual(["first"]);
  expect(await run({ since: Date.now() - week })).toBe("broke off");
  expect(await run({ since: Date.now() - 2 * week }, true)).toContain("another replay");
  expect(await run({ since: Date.now() - week }, true)).toEqual(["first"]);
  expect(await run({ from: 3 }, true)).toEqual([null, "first"]);
});
