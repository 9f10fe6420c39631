// Every command and the options that all of them share; arguments and options of each are in `commands/`. What a
// command does is loaded only when it runs, so that `theater --help` does not wait for a bundler and a runtime.

import { Command } from "commander";
import { addActorCommands } from "./commands/actor-commands.ts";
import { addChainCommands } from "./commands/chain-commands.ts";
import { addLocalCommands } from "./commands/local-commands.ts";
import { addLookCommands } from "./commands/look-commands.ts";
import { addMessageCommands } from "./commands/message-commands.ts";
import { addPastCommands } from "./commands/past-commands.ts";
import { addProofCommands } from "./commands/proof-commands.ts";
import { addStoreCommands } from "./commands/store-commands.ts";

const DEFAULT_URL = "http://127.0.0.1:8787";

export function makeProgram(): Command {
  const program = new Command("theater")
    .description("WebAssembly actors whose whole history can be proved.")
    .option("--url <url>", "the server (THEATER_URL)", process.env["THEATER_URL"] ?? DEFAULT_URL)
    .option("--token <token>", "the bearer token (THEATER_TOKEN)")
    .option("--json", "print one JSON value, for programs")
    .addHelpText(
      "after",
      "\nExit codes: 0 ok, 1 refused or failed, 2 wrong usage, 3 a difference found.",
    )
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(theater --help lists all commands)")
    .exitOverride();
  addLocalCommands(program);
  addActorCommands(program);
  addLookCommands(program);
  addPastCommands(program);
  addMessageCommands(program);
  addChainCommands(program);
  addProofCommands(program);
  addStoreCommands(program);
  return program;
}
