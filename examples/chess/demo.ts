// `npm run demo`: a recorded game of chess as an actor, from its source to a forged ledger. Everything is
// real: the component, workerd, the ledger in D1, the files on disk; every line is printed from an answer.
//
// `node examples/chess/demo.ts chain.ndjson` also writes the game's chain to a file.

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Chess } from "chess.js";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";

const HERE = import.meta.dirname;
const MAIN = join(HERE, "../../src/cli/main.ts");

process.removeAllListeners("warning"); // node:sqlite says that it is experimental

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function title(text: string): void {
  say(`\n── ${text}`);
}

/** Runs `theater` as a person would, shows its output, and returns it with the exit code. */
function theater(
  server: DevServer | undefined,
  args: string[],
  shown = args,
): { code: number; out: string } {
  say(`$ theater ${shown.join(" ")}`);
  // No settings of the person who runs it: what she trusts is about other servers.
  const at = server && {
    THEATER_URL: server.url,
    THEATER_TOKEN: server.token,
    THEATER_TRUST: join(tmpdir(), "theater-demo-trust.json"),
  };
  const env = { ...process.env, ...at };
  try {
    const out = execFileSync(process.execPath, [MAIN, ...args], {
      env,
      encoding: "utf8",
      stdio: "pipe",
    });
    process.stdout.write(out);
    return { code: 0, out };
  } catch (thrown) {
    const { status, stdout, stderr } = thrown as { status: number; stdout: string; stderr: string };
    process.stdout.write(stdout + stderr);
    return { code: status, out: stdout + stderr };
  }
}

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`the demo expected ${what}`);
}

class Board {
  readonly #server: DevServer;
  readonly id: string;

  constructor(server: DevServer, id: string) {
    this.#server = server;
    this.id = id;
  }

  async move(san: string): Promise<{ status: number; text: string; event: string; ms: number }> {
    const begun = performance.now();
    const response = await fetch(`${this.#server.url}/v1/actors/${this.id}/request`, {
      method: "POST",
      body: san,
      headers: { authorization: `Bearer ${this.#server.token}` },
    });
    const text = await response.text();
    const event = response.headers.get("theater-event") ?? "";
    return { status: response.status, text, event, ms: performance.now() - begun };
  }
}

async function play(server: DevServer, board: Board, moves: readonly string[]): Promise<void> {
  const reference = new Chess();
  const times: number[] = [];
  for (const [index, san] of moves.entries()) {
    const answer = await board.move(san);
    must(answer.status === 200, `${san} to be legal, but got ${answer.text}`);
    reference.move(san);
    must(answer.text === reference.fen(), `the position after ${san} that chess.js has`);
    times.push(answer.ms);
    const number = `${Math.floor(index / 2) + 1}${index % 2 === 0 ? "." : "…"}`;
    const isShown = index < 3 || index === 46 || index >= moves.length - 3;
    if (isShown) {
      say(
        `${number.padEnd(4)} ${san.padEnd(6)} ${answer.text}   event ${answer.event.slice(0, 16)}…`,
      );
    }
    if (index === 3) say("     …");
    if (index === 47) await interrupt(server, board);
  }
  times.sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  say(
    `${moves.length} moves, each position equal to chess.js's own; median ${median.toFixed(1)} ms a move`,
  );
  say(reference.ascii());
}

/** In the middle of the game: a move that the rules refuse, and the object thrown out of memory. */
async function interrupt(server: DevServer, board: Board): Promise<void> {
  const before = await board.move("");
  const illegal = await board.move("Kxh8");
  must(illegal.status === 422, "the illegal move to be refused");
  const { code, detail } = JSON.parse(illegal.text) as { code: string; detail: string };
  say(
    `     Kxh8   ${illegal.status} ${code}: ${detail.slice(0, 72)}…   event ${illegal.event.slice(0, 16)}…`,
  );
  await server.evict(board.id);
  const after = await board.move("");
  must(after.status === 200 && after.text === before.text, "the same position after the eviction");
  say(
    "     the object is evicted from memory; woken by the next message, it has the same position",
  );
  say("     …");
}

async function exportChain(server: DevServer, id: string, file: string): Promise<void> {
  const response = await fetch(`${server.url}/v1/actors/${id}/chain`, {
    headers: { authorization: `Bearer ${server.token}`, accept: "application/x-ndjson" },
  });
  must(response.ok, "the chain as NDJSON");
  await writeFile(file, await response.text());
}

/** Changes one byte of one event behind the server's back, as somebody with access to the disk could. */
async function forge(data: string, actor: string): Promise<number> {
  const folder = join(data, "workerd/d1/miniflare-D1DatabaseObject");
  const files = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  must(files.length === 1, "one D1 database on disk");
  const file = join(folder, files[0] ?? "");
  const database = new DatabaseSync(file);
  const trigger = database
    .prepare("SELECT sql FROM sqlite_master WHERE name = 'event_stays'")
    .get();
  const row = database.prepare("SELECT block FROM event WHERE actor = ? AND seq = 137").get(actor);
  must(row !== undefined && row.block instanceof Uint8Array, "event 137 in the ledger");
  const block = row.block;
  const place = 100; // in the middle of the block
  const before = block[place] ?? 0;
  block[place] = before ^ 1;
  database.exec("DROP TRIGGER event_stays");
  database.prepare("UPDATE event SET block = ? WHERE actor = ? AND seq = 137").run(block, actor);
  database.exec(String(trigger?.sql));
  database.close();
  say(`byte ${place} of event 137: ${before} → ${before ^ 1}, in ${files[0]?.slice(0, 8)}….sqlite`);
  return 137;
}

async function story(server: DevServer, data: string): Promise<void> {
  title("start an actor from it");
  const manifest = join(HERE, "manifest.toml");
  const started = theater(
    server,
    ["start", manifest, "--json"],
    ["start", "examples/chess/manifest.toml", "--json"],
  );
  const { id } = JSON.parse(started.out) as { id: string };
  const board = new Board(server, id);

  title("Kasparov – Topalov, Wijk aan Zee 1999: each move is a message");
  const game = new Chess();
  game.loadPgn(await readFile(join(HERE, "kasparov-topalov-1999.pgn"), "utf8"));
  await play(server, board, game.history());

  title("everything that crossed the sandbox's boundary is an event in a hash-linked chain");
  theater(server, ["events", id, "--from", "0", "--to", "8"]);
  say("    …");
  const late = await board.move("Kh1");
  must(late.status === 422, "a move after the end to be refused");
  const last = Number(late.event.split(":")[0]);
  theater(server, ["events", id, "--from", String(last - 4)]);

  title("an auditor's own machine checks it: every hash, every link, every position");
  must(theater(server, ["verify", id]).code === 0, "the chain to verify");

  const file = process.argv[2];
  if (file !== undefined) {
    await exportChain(server, id, file);
    say(`the chain as NDJSON: ${file}`);
  }

  title("now somebody changes one byte in the ledger's file");
  const forged = await forge(data, id);
  const verdict = theater(server, ["verify", id]);
  must(
    verdict.code === 3 && verdict.out.includes(`broken at ${forged}`),
    `event ${forged} to be named`,
  );
  say("\nThe verification names the event that was changed.");
}

const data = await mkdtemp(join(tmpdir(), "theater-demo-"));
let server: DevServer | undefined;
try {
  title("TypeScript and an npm package become a WebAssembly component");
  const built = theater(undefined, ["build", HERE], ["build", "examples/chess"]);
  must(built.code === 0, "the example to build");
  const begun = performance.now();
  server = await startDevServer({ port: 0, data, note: () => undefined });
  say(
    `workerd with D1, R2 and Durable Objects on disk: ready after ${Math.round(performance.now() - begun)} ms`,
  );
  await story(server, data);
} finally {
  await server?.dispose();
  await rm(data, { recursive: true, force: true });
}
