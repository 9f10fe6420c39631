// Commands that say something to an actor. What one does is loaded only when it runs.

import type { Command } from "commander";
import { contextOf } from "../context.ts";

const BODY = "the message; @file sends a file, @- standard input";

export function addMessageCommands(program: Command): void {
  const key = ["--key <key>", "Idempotency-Key: the same key never runs twice"] as const;
  program
    .command("send")
    .description("send a message and do not wait for its turn")
    .argument("<id>")
    .argument("<body>", BODY)
    .option(...key)
    .action(async (id: string, body: string, options: { key?: string }, command: Command) => {
      const { send } = await import("../messages.ts");
      await send(contextOf(command), id, body, options.key);
    });
  program
    .command("request")
    .description("send a message and print the reply")
    .argument("<id>")
    .argument("<body>", BODY)
    .option(...key)
    .option("--receipt <file>", "save a proof of the reply, for theater verify")
    .action(
      async (
        id: string,
        body: string,
        options: { key?: string; receipt?: string },
        command: Command,
      ) => {
        const { request } = await import("../messages.ts");
        await request(contextOf(command), id, body, options);
      },
    );
  program
    .command("channel")
    .description("open a channel, say each line of standard input on it, and print what comes")
    .argument("<id>")
    .argument("[body]", `first of all, ${BODY}`, "")
    .action(async (id: string, body: string, _: unknown, command: Command) => {
      const { channel } = await import("../channel.ts");
      await channel(contextOf(command), id, body);
    });
}
