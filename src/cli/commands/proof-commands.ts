// Commands that check a history: replay, verification, receipts, trust. What one does is loaded only when it runs.

import type { Command } from "commander";
import { eventRef, moment, wholeNumber } from "../arguments.ts";
import { contextOf } from "../context.ts";
import type { ReplayOptions } from "../replay.ts";
import type { VerifyOptions } from "../verify-report.ts";

export function addProofCommands(program: Command): void {
  program
    .command("replay")
    .description("run the recorded turns again and compare: does the component do what it did?")
    .argument("[what]", "an actor's id, or an exported .car, which needs no server")
    .option("--tree", "the actor and all below it together, with what they said to one another")
    .option("--progress <file>", "keep there how far it is, and go on from there the next time")
    .option("--every <ms>", "how often a file's progress is shown and kept (2000)", wholeNumber)
    .option("--head <seq:cid>", "the event that a file must end with", eventRef)
    .option("--checkpoint <file>", "a signed checkpoint that a file must fit")
    .option("--component <wasm>", "run the turns with this component instead")
    .option("--all", "all actors whose component that would replace; changes nothing")
    .option(
      "--name <name>",
      "with --all: the actors of this name (by default that of its manifest)",
    )
    .option("--of <digest>", "with --all: the actors that run this component now")
    .option("--from <seq>", "with --component: from this event on", wholeNumber)
    .option("--since <time>", "with --component: what is not before: 7d, 12h, or ISO 8601", moment)
    .action(async (what: string | undefined, options: ReplayOptions, command: Command) => {
      const { replay } = await import("../replay.ts");
      process.exitCode = await replay(contextOf(command), what, options);
    });
  program
    .command("verify")
    .description("check a whole chain, or a receipt, on this machine, trusting no server")
    .argument("<what>", "an actor's id, an exported .car or .ndjson, or a receipt")
    .option(
      "--head <seq:cid>",
      "an event that is known for sure: a chain is checked up to it (it must be a CAR's last one), a receipt must prove it",
      eventRef,
    )
    .option("--after <seq:cid>", "a file that begins behind this event", eventRef)
    .option("--checkpoint <file>", "a signed checkpoint that the file must fit")
    .option("--with-origin [file...]", "of a fork: check too that it comes from where it says")
    .addHelpText("after", VERIFY_HELP)
    .action(async (what: string, options: VerifyOptions, command: Command) => {
      const { verify } = await import("../verify.ts");
      process.exitCode = await verify(contextOf(command), what, options);
    });
  program
    .command("ledger")
    .description("look after the ledger")
    .command("check [id]")
    .description("compare ledger, archive and journal of an actor, or of all, on the server")
    .action(async (id: string | undefined, _options: object, command: Command) => {
      const { checkLedger } = await import("../ledger-check.ts");
      process.exitCode = await checkLedger(contextOf(command), id);
    });
  program
    .command("receipt <id>")
    .description(
      "get the proof that an event is in a signed chain; it needs no server to be checked",
    )
    .argument("<seq>", "the event's position, as Theater-Event gives it", wholeNumber)
    .option("-o, --output <file>", "write it to a file instead")
    .action(async (id: string, seq: number, options: { output?: string }, command: Command) => {
      const { receipt } = await import("../receipt.ts");
      await receipt(contextOf(command), id, seq, options.output);
    });
  addTrustCommand(program);
}

function addTrustCommand(program: Command): void {
  program
    .command("trust")
    .description("say whose signatures count; without such keys, verify checks hashes only")
    .argument("[key]", "a verifier key, name+id+key, from a source that you trust")
    .option("--list", "list the trusted keys")
    .option("--remove <name>", "trust a key no longer, by its name or whole")
    .option("--from <id>", "show the key that an actor's first event names, to be compared")
    .option("--yes", "with --from: it is compared, pin it; with a key: also if its name has one")
    .addHelpText("after", "\nKept in THEATER_TRUST, or theater/trust.json among your settings.")
    .action(async (key: string | undefined, options: TrustOptions, command: Command) => {
      await runTrust(key, options, command);
    });
}

const VERIFY_HELP = `
An actor's chain is also held against the server's signed checkpoint and against the last one
that was seen here. Exit code 3: a hash, a signature or a proof is wrong, a payload is withheld, or
the log takes back what it signed. Hashes that fit without a trusted signature exit 0, and say so.`;

interface TrustOptions {
  list?: true;
  remove?: string;
  from?: string;
  yes?: true;
}

async function runTrust(
  key: string | undefined,
  { list, remove, from, yes }: TrustOptions,
  command: Command,
): Promise<void> {
  const asked = [key, list, remove, from].filter((one) => one !== undefined);
  if (asked.length !== 1) command.error("error: give a key, or one of --list, --remove, --from");
  const context = contextOf(command);
  const { distrust, listTrusted, trust, trustFrom } = await import("../trust.ts");
  if (key !== undefined) await trust(context, key, yes === true);
  else if (remove !== undefined) await distrust(context, remove);
  else if (from !== undefined) await trustFrom(context, from, yes === true);
  else await listTrusted(context);
}
