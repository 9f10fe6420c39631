// Commands that start actors and change how they live. What one does is loaded only when it runs.

import type { Command } from "commander";
import { contextOf } from "../context.ts";
import type { StartOptions } from "../start.ts";

export function addActorCommands(program: Command): void {
  const variables = [
    "--variables <json>",
    "what {{…}} in the manifest names: a JSON object, or @file",
  ] as const;
  program
    .command("validate [path]")
    .description(
      "check a manifest and its component, and say what the actor may do; asks no server",
    )
    .option("--init-state <state>", "a literal, or @file; instead of the manifest's")
    .option(...variables)
    .action(async (path: string | undefined, options: StartOptions, command: Command) => {
      const { validate } = await import("../validate.ts");
      await validate(contextOf(command), path ?? ".", options);
    });
  program
    .command("start <manifest>")
    .description(
      "start an actor; uploads the files that its manifest names: component, children and theirs",
    )
    .option("--init-state <state>", "a literal, or @file; instead of the manifest's")
    .option("--parent <id>", "the actor whose child it is, and beyond whose grants it gets nothing")
    .option(...variables)
    .action(async (path: string, options: StartOptions, command: Command) => {
      const { start } = await import("../start.ts");
      await start(contextOf(command), path, options);
    });
  const changes = [
    ["stop", "stop an actor after its running turn"],
    ["terminate", "stop an actor at once, cutting its running turn"],
    ["restart", "start an actor again from its last state"],
    ["pause", "let an actor take messages but run none"],
    ["resume", "let a paused actor run again"],
  ] as const;
  for (const [name, description] of changes) {
    program
      .command(`${name} <id>`)
      .description(description)
      .action(async (id: string, _options: object, command: Command) => {
        const { change } = await import("../actors.ts");
        await change(contextOf(command), id, name);
      });
  }
}
