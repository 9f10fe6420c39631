// Every command, its arguments and its options, on one page. What a command does is loaded only when it
// runs, so that `theater --help` does not wait for a bundler and a runtime.

import { Command } from "commander";
import { count, eventRef, port, shards, wholeNumber, wholeNumbers } from "./arguments.ts";
import type { Connection } from "./client.ts";
import type { DevCommandOptions } from "./dev-command.ts";
import type { EventsOptions } from "./events.ts";
import type { ExportOptions } from "./export.ts";
import { makeOutput, type Output } from "./output.ts";
import type { StartOptions } from "./start.ts";
import type { VerifyOptions } from "./verify-report.ts";

/** What every command gets: whom to ask, and how to say the answer. */
export interface Context {
  connection: Connection;
  output: Output;
}

const DEFAULT_URL = "http://127.0.0.1:8787";
const BODY = "the message; @file sends a file, @- standard input";

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
  addMessageCommands(program);
  addChainCommands(program);
  addProofCommands(program);
  addStoreCommands(program);
  return program;
}

function contextOf(command: Command): Context {
  const { url, token, json } = command.optsWithGlobals<{
    url: string;
    token?: string;
    json?: true;
  }>();
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    command.error(`error: --url or THEATER_URL must be an http address, not '${url}'`);
  }
  const connection = { url, token: token ?? process.env["THEATER_TOKEN"] };
  return { connection, output: makeOutput(json === true) };
}

function addLocalCommands(program: Command): void {
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
    .action(async (options: DevCommandOptions, command: Command) => {
      const { dev } = await import("./dev-command.ts");
      await dev(contextOf(command), options);
    });

  const build = program
    .command("build")
    .description("build a TypeScript actor: component and manifest")
    .argument("[dir]", "the actor's folder", ".")
    .action(async (dir: string, _options: object, command: Command) => {
      const { build: buildFolder } = await import("./build.ts");
      await buildFolder(contextOf(command), dir);
    });
  build
    .command("new <dir>")
    .description("write a new actor to begin with")
    .option("--name <name>", "the actor's name; by default the folder's")
    .action(async (dir: string, options: { name?: string }, command: Command) => {
      const { create } = await import("./build.ts");
      await create(contextOf(command), dir, options.name);
    });
  build
    .command("validate [dir]")
    .description("check everything that building checks, and write nothing")
    .action(async (dir: string | undefined, _options: object, command: Command) => {
      const { validate } = await import("./build.ts");
      await validate(contextOf(command), dir ?? ".");
    });
}

function addActorCommands(program: Command): void {
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
      const { validate } = await import("./validate.ts");
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
      const { start } = await import("./start.ts");
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
        const { change } = await import("./actors.ts");
        await change(contextOf(command), id, name);
      });
  }
}

function addLookCommands(program: Command): void {
  program
    .command("list")
    .description("list actors")
    .option("--status <status>", "running, paused, stopped or failed")
    .option("--parent <id>", "only the children of this actor")
    .action(async (options: { status?: string; parent?: string }, command: Command) => {
      const { list } = await import("./actors.ts");
      await list(contextOf(command), options);
    });
  program
    .command("inspect <id>")
    .description("show an actor")
    .action(async (id: string, _options: object, command: Command) => {
      const { inspect } = await import("./actors.ts");
      await inspect(contextOf(command), id);
    });
  program
    .command("tree [id]")
    .description(
      "show an actor with its children and theirs; without an id, all that have no parent",
    )
    .option("--follow", "draw it again whenever it changes; with --json, one value per line")
    .action(async (id: string | undefined, options: { follow?: true }, command: Command) => {
      const { tree } = await import("./tree.ts");
      await tree(contextOf(command), id, options);
    });
  program
    .command("state <id>")
    .description("print an actor's state")
    .action(async (id: string, _options: object, command: Command) => {
      const { state } = await import("./actors.ts");
      await state(contextOf(command), id);
    });
}

function addMessageCommands(program: Command): void {
  const key = ["--key <key>", "Idempotency-Key: the same key never runs twice"] as const;
  program
    .command("send")
    .description("send a message and do not wait for its turn")
    .argument("<id>")
    .argument("<body>", BODY)
    .option(...key)
    .action(async (id: string, body: string, options: { key?: string }, command: Command) => {
      const { send } = await import("./messages.ts");
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
        const { request } = await import("./messages.ts");
        await request(contextOf(command), id, body, options);
      },
    );
}

function addChainCommands(program: Command): void {
  program
    .command("events <id>")
    .description("print an actor's events, oldest first")
    .option("--from <seq>", "first position", wholeNumber, 0)
    .option("--to <seq>", "last position", wholeNumber)
    .option("--type <type...>", "only events of these types")
    .option("--about <function>", "only host calls of this interface, or interface#function")
    .option("--since <time>", "not before: ISO 8601, or ms since 1970")
    .option("--until <time>", "before: ISO 8601, or ms since 1970")
    .option("--follow", "go on with each event that comes; with --json, one object per line")
    .action(async (id: string, options: EventsOptions, command: Command) => {
      const { events } = await import("./events.ts");
      await events(contextOf(command), id, options);
    });
  program
    .command("erase <id>")
    .description("erase the payloads of events for good; the chain and its proofs stay valid")
    .argument("<seq...>", "positions, as events shows them", wholeNumbers)
    .requiredOption("--reason <text>", "recorded for ever: name no person in it")
    .action(async (id: string, seqs: number[], options: { reason: string }, command: Command) => {
      const { erase } = await import("./erase.ts");
      await erase(contextOf(command), id, seqs, options.reason);
    });
  program
    .command("export <id>")
    .description("save a chain as a file that can be verified anywhere")
    .option("-o, --output <file>", ".car, or .ndjson; - prints a CAR; by default <id>.car")
    .option("--from <seq>", "first position", wholeNumber, 0)
    .option("--to <seq>", "last position", wholeNumber)
    .option("--include <what>", "add to a CAR: manifest,component,states")
    .option("--checkpoint <file>", "save the signed checkpoint too, for theater verify")
    .action(async (id: string, options: ExportOptions, command: Command) => {
      const { exportChain } = await import("./export.ts");
      await exportChain(contextOf(command), id, options);
    });
}

function addProofCommands(program: Command): void {
  program
    .command("replay <id>")
    .description("run the recorded turns again and compare: does the component do what it did?")
    .action(async (id: string, _: object, command: Command) => {
      const { replay } = await import("./replay.ts");
      process.exitCode = await replay(contextOf(command), id);
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
    .addHelpText("after", VERIFY_HELP)
    .action(async (what: string, options: VerifyOptions, command: Command) => {
      const { verify } = await import("./verify.ts");
      process.exitCode = await verify(contextOf(command), what, options);
    });
  program
    .command("ledger")
    .description("look after the ledger")
    .command("check [id]")
    .description("compare ledger, archive and journal of an actor, or of all, on the server")
    .action(async (id: string | undefined, _options: object, command: Command) => {
      const { checkLedger } = await import("./ledger-check.ts");
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
      const { receipt } = await import("./receipt.ts");
      await receipt(contextOf(command), id, seq, options.output);
    });
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
  const { distrust, listTrusted, trust, trustFrom } = await import("./trust.ts");
  if (key !== undefined) await trust(context, key, yes === true);
  else if (remove !== undefined) await distrust(context, remove);
  else if (from !== undefined) await trustFrom(context, from, yes === true);
  else await listTrusted(context);
}

function addStoreCommands(program: Command): void {
  const store = program.command("store").description("content by its address, and labels on it");
  store
    .command("put <store> <file>")
    .description("store a file (- is standard input); prints its names")
    .option("--label <label>", "point this label at it")
    .action(async (name: string, file: string, options: { label?: string }, command: Command) => {
      const { put } = await import("./store.ts");
      await put(contextOf(command), name, file, options.label);
    });
  store
    .command("get")
    .description("print content, after checking its hash")
    .argument("<content>", "a CID, sha256:<hex>, or <store>/<label>")
    .option("-o, --output <file>", "write it to a file instead")
    .action(async (content: string, options: { output?: string }, command: Command) => {
      const { get } = await import("./store.ts");
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
        const store = await import("./store.ts");
        await store.label(contextOf(command), name, label, digest);
      },
    );
  store
    .command("ls <store>")
    .description("list a store's labels")
    .action(async (name: string, _options: object, command: Command) => {
      const { ls } = await import("./store.ts");
      await ls(contextOf(command), name);
    });
}
