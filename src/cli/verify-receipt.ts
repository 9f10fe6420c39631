// A receipt, checked with the pinned keys alone.

import { readFile } from "node:fs/promises";
import { compareCheckpoints, type Checkpoint } from "../chain/checkpoint.ts";
import { toLine } from "../chain/ndjson.ts";
import { noteText } from "../chain/note.ts";
import { parseReceipt, verifyReceipt, type ReceiptVerdict } from "../chain/receipt.ts";
import { TheaterError } from "../lib/errors.ts";
import { eventColumns, eventRow } from "./event-rows.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./context.ts";
import { asPinned } from "./signing.ts";
import { keysOf, readRemembered, readTrust, remember } from "./trust-file.ts";
import { DIFFERENCE, namesOf, VERIFIED, type VerifyOptions } from "./verify-report.ts";

type Proven = Extract<ReceiptVerdict, { verdict: "verified" }>;

/** The exit code. */
export async function verifyReceiptFile(
  { output }: Context,
  path: string,
  options: VerifyOptions,
): Promise<number> {
  if (options.after !== undefined || options.checkpoint !== undefined) {
    throw new TheaterError("bad-request", "A receipt has its checkpoint in it: leave these out.");
  }
  const trusted = await readTrust();
  const { green, red } = output.colors;
  const text = await readText(path);
  const verdict: ReceiptVerdict = await verifyReceipt(text, trusted, options.head);
  if (verdict.verdict === "broken") {
    const { problem, sentence, evidence } = verdict;
    output.show(verdict, () => {
      const head = `broken: ${problem}: ${printable(sentence)}`;
      return red([head, ...evidenceLines(problem, evidence)].join("\n"));
    });
    return DIFFERENCE;
  }
  const { checkpoint } = verdict;
  await compareWithRemembered(checkpoint, parseReceipt(text).checkpoint);
  const by = asPinned(checkpoint.signedBy, keysOf(trusted, checkpoint.origin));
  output.show(forPrograms(verdict, by), () => green(describe(verdict, by)));
  return VERIFIED;
}

/**
 * Offline only two notes of one size can contradict each other. The first note of a chain is remembered;
 * a later one would need a proof that it continues what is remembered already.
 */
async function compareWithRemembered(checkpoint: Checkpoint, note: string): Promise<void> {
  const before = await readRemembered(checkpoint.origin);
  if (before === null) return await remember(checkpoint.origin, note);
  if (compareCheckpoints(before.checkpoint, checkpoint) !== "forked") return;
  const { size } = checkpoint;
  throw new TheaterError(
    "chain-broken",
    `Keep both notes as evidence: the log signed two histories of ${size} events.`,
    { reason: "forked", remembered: before.note, shown: note, path: before.path },
  );
}

/** What speaks for the verdict, a line each; the problem is in the line above. */
function evidenceLines(problem: string, evidence: Readonly<Record<string, unknown>>): string[] {
  const told = Object.entries(evidence).filter(
    ([name, value]) => name !== "code" && value !== problem,
  );
  if (told.length === 0) return [];
  return [fields(told.map(([name, value]) => [printable(name), printable(evidenceText(value))]))];
}

function evidenceText(value: unknown): string {
  if (typeof value === "string") return value;
  const isPlainList = Array.isArray(value) && value.every((one) => typeof one === "string");
  return isPlainList ? value.join(", ") || "-" : JSON.stringify(value);
}

function describe({ actor, checkpoint, events }: Proven, by: readonly string[]): string {
  const last = events.at(-1);
  const rows = events.map(({ event, cid, block, payload }) =>
    eventRow({ seq: event.seq, cid, block, payload }),
  );
  const signed = `signed to ${checkpoint.size - 1} by ${namesOf(by)}`;
  const head = `verified event ${last?.event.seq} of ${actor}, ${signed}`;
  return [head, `event ${last?.event.seq}:${last?.cid}`, eventColumns(), ...rows].join("\n");
}

function forPrograms(proven: Proven, by: readonly string[]): unknown {
  const { verdict, log, actor, checkpoint, events, fleet } = proven;
  const { origin, size } = checkpoint;
  return {
    verdict,
    log,
    actor,
    signed: { origin, to: size - 1, by },
    fleet: fleet && { origin: fleet.origin, size: fleet.size },
    // The proven event is the last one.
    events: events.map(({ event, cid, block, payload }): unknown =>
      JSON.parse(toLine({ seq: event.seq, cid, block, payload })),
    ),
  };
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  try {
    return noteText(bytes);
  } catch {
    return ""; // no text is no receipt, as any other that is none
  }
}
