#!/usr/bin/env node
// `theater`, the command line. Rule: the exit code says it all to a script: 0 ok, 1 refused or failed,
// 2 wrong usage, 3 a verification found a difference.

import { CommanderError } from "commander";
import { TheaterError, ensureTheaterError } from "../lib/errors.ts";
import { ServerRefusal } from "./client.ts";
import { colorsFor, printableLines } from "./output.ts";
import { makeProgram } from "./program.ts";

const FAILED = 1;
const USAGE = 2;
const DIFFERENCE = 3;

async function main(args: readonly string[]): Promise<number> {
  try {
    await makeProgram().parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (thrown) {
    // commander has printed its message or the help that was asked for already.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE;
    printFailure(thrown, args.includes("--json"));
    return isDifference(thrown) ? DIFFERENCE : FAILED;
  }
}

/** Only what was found here counts; a server that reports such a code has merely failed. */
function isDifference(thrown: unknown): boolean {
  if (!(thrown instanceof TheaterError)) return false;
  return thrown.code === "content-corrupt" || thrown.code === "chain-broken";
}

/** `code: sentence`, then the evidence; as one JSON value for programs. */
function printFailure(thrown: unknown, isJson: boolean): void {
  const failure = thrown instanceof ServerRefusal ? thrown : describe(thrown);
  const { code, message } = failure;
  const evidence = failure.evidence ?? null;
  if (isJson) {
    process.stderr.write(`${JSON.stringify({ code, message, evidence })}\n`);
    return;
  }
  const { red, dim } = colorsFor(process.stderr);
  process.stderr.write(`${red(code)}: ${printableLines(message)}\n`);
  if (evidence !== null) {
    process.stderr.write(`${dim(printableLines(JSON.stringify(evidence)))}\n`);
  }
  if (code === "internal" && thrown instanceof Error) {
    process.stderr.write(`${dim(printableLines(thrown.stack ?? ""))}\n`);
  }
}

/** A file that cannot be read and the like are the user's to mend, not bugs of ours. */
function describe(thrown: unknown): TheaterError {
  if (thrown instanceof Error && "syscall" in thrown) {
    return new TheaterError("bad-request", thrown.message);
  }
  return ensureTheaterError(thrown);
}

// `theater events … | head` closes the pipe: nothing is left to say then.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
