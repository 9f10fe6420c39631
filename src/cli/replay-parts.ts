// A replay from its beginning to its end, one part after the other. What a part says is true of what lies between two
// places, so that a run that was interrupted goes on at the last place, with what it had counted.

import { readFile, rm } from "node:fs/promises";
import { TheaterError } from "../lib/errors.ts";
import { asList, asObject, type JsonObject } from "./client.ts";
import type { ProcessRef } from "./dev-process.ts";
import type { Output } from "./output.ts";
import { writeWhole } from "./whole-file.ts";

/** What is replayed, and by whom. */
export interface Replayed {
  actor: string;
  /** What runs instead of the recorded component, by its digest. */
  component: string | null;
  /** Where it begins, if not at the genesis. */
  range?: Range;
  /** Runs from a place on and gives the report; null begins at the genesis. */
  readonly part: (cursor: string | null) => Promise<JsonObject>;
  /** The process that runs it, if it could outlive this one. */
  workerd?: ProcessRef | undefined;
}

/** An event's place, or a moment, ms since the epoch. */
interface Range {
  from?: number | null | undefined;
  since?: number | null | undefined;
}

/** A range as it was asked for: `ago`, because "7d" is another moment each time. */
interface AskedRange {
  from: number | null;
  since: number | null;
  ago: number | null;
}

/** What is kept between two parts. */
export interface Progress {
  actor: string;
  component: string | null;
  range: AskedRange;
  cursor: string | null;
  turns: Record<string, number>;
  erasedTurns: unknown[];
  workerd: ProcessRef | null;
}

/** Two commands that say "7d" mean nearly the same. */
const AGO_SLACK_MS = 1_000;
/** As many as one part names. */
const ERASED_LISTED_MAX = 1_000;

/** The report of the whole. `path`: where the progress is kept; the file is gone when the end is reached. */
export async function replayParts(
  output: Output,
  { actor, component, range = {}, part, workerd }: Replayed,
  path?: string,
): Promise<JsonObject> {
  const begun: Progress = {
    actor,
    component,
    range: askedRange(range),
    cursor: null,
    turns: {},
    erasedTurns: [],
    workerd: null,
  };
  const before = path === undefined ? undefined : await readProgress(path);
  if (before !== undefined) requireSame(before, begun, path ?? "");
  const progress = { ...begun, ...before, workerd: workerd ?? null };
  if (before !== undefined) output.note(`goes on behind ${progress.turns["agreed"] ?? 0} turns`);
  for (;;) {
    if (path !== undefined) await writeWhole(path, `${JSON.stringify(progress)}\n`);
    const report = await part(progress.cursor);
    addTo(progress, report);
    const { turns, erasedTurns } = progress;
    const { next } = report;
    if (typeof next !== "string") {
      if (path !== undefined) await rm(path, { force: true });
      return { ...report, turns, erasedTurns };
    }
    progress.cursor = next;
    // The first part may take its time for the component.
    if (turns["agreed"] !== 0) output.note(`${turns["agreed"] ?? 0} turns agree so far`);
  }
}

function addTo(progress: Progress, report: JsonObject): void {
  for (const [name, count] of Object.entries(asObject(report["turns"], "turns"))) {
    progress.turns[name] = (progress.turns[name] ?? 0) + Number(count);
  }
  const more = asList(report["erasedTurns"], "erasedTurns");
  progress.erasedTurns = [...progress.erasedTurns, ...more].slice(0, ERASED_LISTED_MAX);
}

/** Undefined where none is kept. Throws `bad-request` for a file that is something else. */
export async function readProgress(path: string): Promise<Progress | undefined> {
  const text = await readFile(path, "utf8").catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return undefined;
    throw thrown;
  });
  if (text === undefined) return undefined;
  try {
    const read = JSON.parse(text) as Partial<Progress>;
    const { actor, turns, erasedTurns, range } = read;
    const isOurs =
      typeof actor === "string" && typeof turns === "object" && Array.isArray(erasedTurns);
    if (isOurs) return { ...(read as Progress), range: range ?? askedRange({}) };
  } catch {
    // Said below.
  }
  throw new TheaterError(
    "bad-request",
    `Name another file with --progress: ${path} holds something else.`,
  );
}

function askedRange({ from = null, since = null }: Range): AskedRange {
  return { from, since, ago: since === null ? null : Date.now() - since };
}

function isSameRange(before: AskedRange, now: AskedRange): boolean {
  if (before.from !== now.from) return false;
  if (before.since === now.since) return true;
  if (before.ago === null || now.ago === null) return false;
  return Math.abs(before.ago - now.ago) <= AGO_SLACK_MS;
}

function requireSame(before: Progress, now: Progress, path: string): void {
  const { actor, component, range } = before;
  const isSame = actor === now.actor && component === now.component;
  if (isSame && isSameRange(range, now.range)) return;
  const message = `Name another file with --progress, or delete ${path}: it is about another replay.`;
  const { from, since } = range;
  throw new TheaterError("wrong-state", message, { actor, component, from, since });
}
