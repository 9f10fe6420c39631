// Commands into an actor's past: look at it, go back to it, branch from it. What one does is loaded only when it runs.

import type { Command } from "commander";
import { count, wholeNumber } from "../arguments.ts";
import { contextOf } from "../context.ts";
import type { ForkOptions, RevertOptions } from "../past.ts";
import type { StateOptions } from "../state.ts";

export function addPastCommands(program: Command): void {
  program
    .command("state <id>")
    .description("print an actor's state, of now or of then")
    .option("--at <seq>", "the state after this event", wholeNumber)
    .option(
      "--diff <seq>",
      "instead, in what it differs from the state after this event",
      wholeNumber,
    )
    .action(async (id: string, options: StateOptions, command: Command) => {
      const { state } = await import("../state.ts");
      await state(contextOf(command), id, options);
    });
  program
    .command("debug <id>")
    .description("step through an actor's turns: commands on standard input, help lists them")
    .option("--turn <number>", "begin at this turn; by default at the first", count, 1)
    .action(async (id: string, options: { turn: number }, command: Command) => {
      const { debug } = await import("../debug.ts");
      await debug(contextOf(command), id, options.turn);
    });
  const key = ["--key <key>", "Idempotency-Key: the same key never acts twice"] as const;
  program
    .command("revert <id>")
    .description("give an actor an earlier state again, as a new event; what it sent stays sent")
    .option("--turns <count>", "undo so many turns that committed", count)
    .option("--to <seq>", "go back to the state after this event", wholeNumber)
    .requiredOption("--reason <text>", "recorded for ever: name no person in it")
    .option(...key)
    .action(async (id: string, options: RevertOptions, command: Command) => {
      if ((options.turns === undefined) === (options.to === undefined)) {
        command.error("error: give --turns or --to");
      }
      const { revert } = await import("../past.ts");
      await revert(contextOf(command), id, options);
    });
  program
    .command("fork <id>")
    .description("start an actor that goes on from an event of another one's chain")
    .requiredOption("--at <seq>", "the event, between two turns", wholeNumber)
    .option("--with <component>", "run another component from there: a .wasm file or sha256:…")
    .option("--name <name>", "another name than the origin's")
    .option(...key)
    .action(async (id: string, options: ForkOptions, command: Command) => {
      const { fork } = await import("../past.ts");
      await fork(contextOf(command), id, options);
    });
}
