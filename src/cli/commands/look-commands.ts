// Commands that look at actors. What one does is loaded only when it runs.

import type { Command } from "commander";
import { contextOf } from "../context.ts";

export function addLookCommands(program: Command): void {
  program
    .command("list")
    .description("list actors")
    .option("--status <status>", "running, paused, stopped or failed")
    .option("--parent <id>", "only the children of this actor")
    .action(async (options: { status?: string; parent?: string }, command: Command) => {
      const { list } = await import("../actors.ts");
      await list(contextOf(command), options);
    });
  program
    .command("inspect <id>")
    .description("show an actor")
    .action(async (id: string, _options: object, command: Command) => {
      const { inspect } = await import("../actors.ts");
      await inspect(contextOf(command), id);
    });
  program
    .command("tree [id]")
    .description(
      "show an actor with its children and theirs; without an id, all that have no parent",
    )
    .option("--follow", "draw it again whenever it changes; with --json, one value per line")
    .action(async (id: string | undefined, options: { follow?: true }, command: Command) => {
      const { tree } = await import("../tree.ts");
      await tree(contextOf(command), id, options);
    });
}
