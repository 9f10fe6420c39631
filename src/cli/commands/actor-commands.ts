// Commands that start actors and change how they live. What one does is loaded only when it runs.

import type { Command } from "commander";
import { contextOf } from "../context.ts";
import { moment, wholeNumber } from "../arguments.ts";
import type { StartOptions } from "../start.ts";
import type { UpgradeOptions } from "../upgrade.ts";

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
  program
    .command("upgrade <id>")
    .description(
      "rehearse another version with an actor's history, and put it in force if it agrees",
    )
    .option("--component <wasm>", "a file, or sha256:…, store://… or https://…")
    .option("--manifest <file>", "what it may do from then on; by default as before")
    .option(...variables)
    .option("--rollback", "back to the version before the one in force")
    .option("--accept <reason>", "put it in force also where it differs; recorded for ever")
    .option("--from <seq>", "rehearse from this event on", wholeNumber)
    .option("--since <time>", "rehearse what is not before: 7d, 12h, or ISO 8601", moment)
    .option("--key <key>", "Idempotency-Key: the same key never upgrades twice")
    .action(async (id: string, options: UpgradeOptions, command: Command) => {
      const { upgrade } = await import("../upgrade.ts");
      process.exitCode = await upgrade(contextOf(command), id, options);
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
