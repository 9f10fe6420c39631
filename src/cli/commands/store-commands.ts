// Commands about content and labels. What one does is loaded only when it runs.

import type { Command } from "commander";
import { contextOf } from "../context.ts";

export function addStoreCommands(program: Command): void {
  const store = program.command("store").description("content by its address, and labels on it");
  store
    .command("put <store> <file>")
    .description("store a file (- is standard input); prints its names")
    .option("--label <label>", "point this label at it")
    .action(async (name: string, file: string, options: { label?: string }, command: Command) => {
      const { put } = await import("../store.ts");
      await put(contextOf(command), name, file, options.label);
    });
  store
    .command("get")
    .description("print content, after checking its hash")
    .argument("<content>", "a CID, sha256:<hex>, or <store>/<label>")
    .option("-o, --output <file>", "write it to a file instead")
    .action(async (content: string, options: { output?: string }, command: Command) => {
      const { get } = await import("../store.ts");
      await get(contextOf(command), content, options.output);
    });
  store
    .command("label <store> <label> [digest]")
    .description("show what a label points at, or point it at sha256:<hex>")
    .action(
      async (
        name: string,
        label: string,
        digest: string | undefined,
        _options: object,
        command: Command,
      ) => {
        const store = await import("../store.ts");
        await store.label(contextOf(command), name, label, digest);
      },
    );
  store
    .command("ls <store>")
    .description("list a store's labels")
    .action(async (name: string, _options: object, command: Command) => {
      const { ls } = await import("../store.ts");
      await ls(contextOf(command), name);
    });
}
