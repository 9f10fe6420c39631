// Commands that run or build on this machine. What one does is loaded only when it runs.

import type { Command } from "commander";
import { count, port, shards } from "../arguments.ts";
import { contextOf } from "../context.ts";
import type { DevCommandOptions } from "../dev-command.ts";

export function addLocalCommands(program: Command): void {
  program
    .command("dev")
    .description("run a server on this machine, with everything on disk in one folder")
    .option("--port <port>", "0 takes any free one", port, 8787)
    .option("--data <folder>", "where everything is kept", ".theater")
    .option(
      "--shards <count>",
      "databases of the ledger, 1 to 8; never fewer than before",
      shards,
      1,
    )
    .option("--seal-events <count>", "events that stay before older ones are sealed (10000)", count)
    .option("--plugins <file...>", "plug-ins to register, NAME=file for a Worker of its own")
    .option("--bundled <folder>", "components to bundle with the Worker; by default as deployed")
    .option("--no-loader", "without Worker Loader, as on an account that has none")
    .action(async (options: DevCommandOptions, command: Command) => {
      const { dev } = await import("../dev-command.ts");
      await dev(contextOf(command), options);
    });

  program
    .command("bundle")
    .description("make components part of the Worker that is deployed next")
    .argument("<component...>", "files of components; whoever wrote them must be trusted")
    .option("--out <folder>", "where they are kept, beside others of before", "bundled")
    .action(async (files: string[], { out }: { out: string }, command: Command) => {
      const { bundleComponents } = await import("../bundle-components.ts");
      await bundleComponents(contextOf(command), files, out);
    });

  const build = program
    .command("build")
    .description("build a TypeScript actor: component and manifest")
    .argument("[dir]", "the actor's folder", ".")
    .action(async (dir: string, _options: object, command: Command) => {
      const { build: buildFolder } = await import("../build.ts");
      await buildFolder(contextOf(command), dir);
    });
  build
    .command("new <dir>")
    .description("write a new actor to begin with")
    .option("--name <name>", "the actor's name; by default the folder's")
    .action(async (dir: string, options: { name?: string }, command: Command) => {
      const { create } = await import("../build.ts");
      await create(contextOf(command), dir, options.name);
    });
  build
    .command("validate [dir]")
    .description("check everything that building checks, and write nothing")
    .action(async (dir: string | undefined, _options: object, command: Command) => {
      const { validate } = await import("../build.ts");
      await validate(contextOf(command), dir ?? ".");
    });
}
