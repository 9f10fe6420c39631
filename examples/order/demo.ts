// `node examples/order/demo.ts`: a tree of actors in which one has a mistake. It is started again, with the one
// that depends on it; then its supervisor gives up, and the next level mends that. Every line is an answer.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";

const HERE = import.meta.dirname;
const MAIN = join(HERE, "../../src/cli/main.ts");

/** How long a restart may take on a busy machine. */
const RESTART_MS_MAX = 60_000;

interface Node {
  id: string | null;
  child: string | null;
  status: string;
  starts: number;
  lastExit: string | null;
  children: Node[];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function title(text: string): void {
  say(`\n── ${text}`);
}

/** Runs `theater` as a person would, and returns what it prints. */
function quietly(server: DevServer | undefined, args: string[]): string {
  // No settings of the person who runs it: what she trusts is about other servers.
  const at = server && {
    THEATER_URL: server.url,
    THEATER_TOKEN: server.token,
    THEATER_TRUST: join(tmpdir(), "theater-demo-trust.json"),
  };
  const env = { ...process.env, ...at };
  return execFileSync(process.execPath, [MAIN, ...args], { env, encoding: "utf8", stdio: "pipe" });
}

/** As `quietly`, and shows it. */
function theater(server: DevServer | undefined, args: string[], shown = args): string {
  say(`$ theater ${shown.join(" ")}`);
  const out = quietly(server, args);
  process.stdout.write(out);
  return out;
}

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`the demo expected ${what}`);
}

class Shop {
  readonly #server: DevServer;
  readonly id: string;

  constructor(server: DevServer, id: string) {
    this.#server = server;
    this.id = id;
  }

  /** The nodes of the tree by their names under their supervisors; the desk is "desk". */
  look(): Record<string, Node> {
    const all = (node: Node): [string, Node][] => [
      [node.child ?? "desk", node],
      ...node.children.flatMap(all),
    ];
    const root = JSON.parse(quietly(this.#server, ["tree", this.id, "--json"])) as Node;
    return Object.fromEntries(all(root));
  }

  show(): void {
    theater(this.#server, ["tree", this.id]);
  }

  /** Places an order, and shows what the desk says. */
  order(text: string): string {
    const answer = quietly(this.#server, ["request", this.id, text]);
    say(`${text.slice(0, 24).padEnd(26)} → ${answer.slice(0, 100)}`);
    return answer;
  }

  /** Waits until the tree is as it should be. */
  async until(what: string, holds: (nodes: Record<string, Node>) => boolean): Promise<void> {
    const end = Date.now() + RESTART_MS_MAX;
    for (;;) {
      if (holds(this.look())) return;
      must(Date.now() < end, what);
      await sleep(100);
    }
  }

  /** What a supervisor's chain says about its decisions. */
  explain(name: string, id: string): void {
    say(`$ theater events <${name}> --type supervision.decided child.exited --json`);
    const types = ["--type", "child.exited", "supervision.decided"];
    const events = JSON.parse(quietly(this.#server, ["events", id, ...types, "--json"])) as {
      seq: number;
      event: { type: string; fields: Record<string, unknown> };
    }[];
    const names = new Map(Object.entries(this.look()).map(([one, node]) => [node.id, one]));
    for (const { seq, event } of events) {
      const { fields, type } = event;
      const rest =
        type === "child.exited"
          ? `${names.get(String(fields["child"]))} ended: ${String(fields["reason"])}`
          : `${String(fields["action"])}, because ${String(fields["reason"])}`;
      say(`${String(seq).padStart(5)}  ${type.padEnd(20)} ${rest}`);
    }
  }
}

const isUp = (nodes: Record<string, Node>, starts: number): boolean =>
  ["till", "printer"].every(
    (name) => nodes[name]?.status === "running" && nodes[name].starts >= starts,
  );

async function story(server: DevServer): Promise<void> {
  title("one command starts the desk; its manifest has the checkout, whose manifest has the rest");
  const manifest = join(HERE, "manifest.toml");
  const started = theater(
    server,
    ["start", manifest, "--json"],
    ["start", "examples/order/manifest.toml", "--json"],
  );
  const shop = new Shop(server, (JSON.parse(started) as { id: string }).id);
  await shop.until("all to run", (nodes) => isUp(nodes, 1));
  shop.show();

  title("orders, until the till has kept more than it may");
  let answer = "";
  let orders = 0;
  while (!answer.startsWith("order again")) {
    must(++orders < 20, "the till to fail soon");
    answer = shop.order(`cake: with ${orders} candles`);
  }
  await shop.until("a second start", (nodes) => isUp(nodes, 2));
  must(shop.order("cake: once more").startsWith("receipt"), "the next order to be taken");
  shop.show();

  title("the checkout's chain says why: each decision, its cause, and the end that it follows");
  const before = shop.look();
  const checkout = before["checkout"]?.id ?? "";
  const starts = before["till"]?.starts ?? 0;
  shop.explain("checkout", checkout);

  title("an order that the till can never keep, as often as it is placed");
  const wish = `soup: ${"hot, ".repeat(100)}`;
  for (let failures = 1; failures <= 2; failures++) {
    must(shop.order(wish).startsWith("order again"), "the till to fail");
    const isLast = failures === 2;
    if (!isLast) await shop.until("one more start", (nodes) => isUp(nodes, starts + failures));
  }
  await shop.until("the checkout to run again", (nodes) => {
    return (nodes["checkout"]?.starts ?? 0) >= 2 && isUp(nodes, 1);
  });
  shop.show();
  must(shop.order("tea").startsWith("receipt"), "the next order to be taken");

  title("the checkout gave up at its third failure within a minute; the desk started it again");
  shop.explain("checkout", checkout);
  shop.explain("desk", shop.id);

  title("both chains are whole, and the guests do it all again when they are replayed");
  for (const [name, id] of [
    ["desk", shop.id],
    ["checkout", checkout],
  ] as const) {
    theater(server, ["verify", id], ["verify", `<${name}>`]);
    theater(server, ["replay", id], ["replay", `<${name}>`]);
  }

  title("and so does the whole tree together, with every message that went from one to another");
  theater(server, ["replay", shop.id, "--tree"], ["replay", "<desk>", "--tree"]);
}

const data = await mkdtemp(join(tmpdir(), "theater-demo-"));
let server: DevServer | undefined;
try {
  title("four TypeScript actors become four WebAssembly components");
  theater(undefined, ["build", HERE], ["build", "examples/order"]);
  server = await startDevServer({ port: 0, data, note: () => undefined });
  await story(server);
} finally {
  await server?.dispose();
  await rm(data, { recursive: true, force: true });
}
