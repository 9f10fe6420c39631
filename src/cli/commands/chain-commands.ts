// Commands about an actor's events. What one does is loaded only when it runs.

import type { Command } from "commander";
import { count, wholeNumber, wholeNumbers } from "../arguments.ts";
import { contextOf } from "../context.ts";
import type { EventsOptions } from "../events.ts";
import type { ExportOptions } from "../export.ts";

export function addChainCommands(program: Command): void {
  program
    .command("events <id>")
    .description("print an actor's events, oldest first")
    .option("--from <seq>", "first position", wholeNumber, 0)
    .option("--to <seq>", "last position", wholeNumber)
    .option("--type <type...>", "only events of these types")
    .option("--about <function>", "only host calls of this interface, or interface#function")
    .option("--since <time>", "not before: ISO 8601, or ms since 1970")
    .option("--until <time>", "before: ISO 8601, or ms since 1970")
    .option("--turn <number>", "one turn, with its message, calls, state and answer", count)
    .option("--follow", "go on with each event that comes; with --json, one object per line")
    .action(async (id: string, options: EventsOptions, command: Command) => {
      const { events } = await import("../events.ts");
      await events(contextOf(command), id, options);
    });
  program
    .command("erase <id>")
    .description("erase the payloads of events for good; the chain and its proofs stay valid")
    .argument("<seq...>", "positions, as events shows them", wholeNumbers)
    .requiredOption("--reason <text>", "recorded for ever: name no person in it")
    .action(async (id: string, seqs: number[], options: { reason: string }, command: Command) => {
      const { erase } = await import("../erase.ts");
      await erase(contextOf(command), id, seqs, options.reason);
    });
  program
    .command("export <id>")
    .description("save a chain as a file that can be verified anywhere")
    .option("-o, --output <file>", ".car, or .ndjson; - prints a CAR; by default <id>.car")
    .option("--from <seq>", "first position", wholeNumber, 0)
    .option("--to <seq>", "last position", wholeNumber)
    .option(
      "--include <what>",
      "content in a CAR besides events: of manifest,component,states,blocks, or none; all that a replay needs by default",
    )
    .option("--checkpoint <file>", "save the signed checkpoint too, for theater verify")
    .action(async (id: string, options: ExportOptions, command: Command) => {
      const { exportChain } = await import("../export.ts");
      await exportChain(contextOf(command), id, options);
    });
}
