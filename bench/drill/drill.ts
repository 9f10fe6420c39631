// The drill: kills the server at random moments while a tree of actors works, and after each restart waits
// until the tree is quiet and holds every chain against what was acknowledged and against each other.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChainView } from "./chain-view.ts";
import { differences, isNone, NO_ANSWER, type Differences } from "./checks.ts";
import { workerComponent } from "./component.ts";
import { Operations, pause } from "./operations.ts";
import { Choices } from "./random.ts";
import { Server } from "./server.ts";
import { membersBelow, plant, type Tree } from "./tree.ts";

export interface DrillOptions {
  seed: string;
  rounds: number;
  actors: number;
  /** Stops early, between two rounds. */
  maxMs: number;
  /** After each round. */
  progress?: (table: Table) => void;
}

export interface Table {
  seed: string;
  actors: number;
  rounds: number;
  kills: number;
  /** Rounds after which only alarms brought it to rest. */
  leftAlone: number;
  operations: number;
  acknowledged: number;
  lost: number;
  doubled: number;
  restartsDecided: number;
  restartsSeen: number;
  viewsCompared: number;
  viewsDifferent: number;
  chainsVerified: number;
  events: number;
  slowestQuietMs: number;
  /** What was wrong, and where. Empty is a pass. */
  problems: string[];
}

/** The stated time: from the server's readiness to a tree in which nothing is under way. */
export const QUIET_MS_MAX = 60_000;
/** The load lasts as long as chance has it, but no longer. */
const LOAD_MS_MAX = 1_500;
/** Out of a hundred rounds: those that kill a second time, while the tree recovers from the first. */
const DOUBLE_SHARE = 25;
/** Out of a hundred rounds: those after which nobody asks anything for ALONE_MS: alarms alone have to bring it to rest. */
const ALONE_SHARE = 8;
const ALONE_MS = 20_000;
const LOOK_AGAIN_MS = 100;
const PROBLEMS_SHOWN_MAX = 20;
const INSPECTED_MAX = 6;

export async function drill(options: DrillOptions): Promise<Table> {
  const { seed, rounds, actors, maxMs, progress } = options;
  const folder = await mkdtemp(join(tmpdir(), "theater-drill-"));
  const server = new Server(folder);
  const begunMs = Date.now();
  try {
    await server.start();
    const tree = await plant(server, await workerComponent(), actors);
    const run = new Run(server, tree, new Choices(seed));
    for (let round = 0; round < rounds && Date.now() - begunMs < maxMs; round++) {
      await run.round(round);
      progress?.(run.table(seed));
      if (run.table(seed).problems.length > 0) break;
    }
    await run.finish();
    return run.table(seed);
  } finally {
    await server.kill();
    if (process.env["DRILL_KEEP"] === undefined) await rm(folder, { recursive: true, force: true });
  }
}

class Run {
  readonly #server: Server;
  readonly #tree: Tree;
  readonly #choices: Choices;
  readonly #operations: Operations;
  readonly #chains: ReadonlyMap<string, ChainView>;
  readonly #problems: string[] = [];
  #rounds = 0;
  #kills = 0;
  #alone = 0;
  #views = 0;
  #verified = 0;
  #slowestMs = 0;
  #last: Differences = { lost: [], doubled: [], views: [], unsettled: [] };

  constructor(server: Server, tree: Tree, choices: Choices) {
    this.#server = server;
    this.#tree = tree;
    this.#choices = choices;
    this.#operations = new Operations(choices, tree.workers);
    this.#chains = new Map(tree.members.map(({ id }) => [id, new ChainView(id)]));
  }

  async round(round: number): Promise<void> {
    this.#rounds++;
    await this.#loadAndKill(`round/${round}/first`);
    if (this.#choices.below(100, `round/${round}/double`) < DOUBLE_SHARE) {
      await this.#loadAndKill(`round/${round}/second`);
    }
    if (this.#choices.below(100, `round/${round}/alone`) < ALONE_SHARE) await this.#leaveAlone();
    const upMs = Date.now();
    const untilMs = upMs + QUIET_MS_MAX;
    await this.#operations.settle(this.#server, untilMs);
    await this.#quiet(untilMs);
    const tookMs = Date.now() - upMs;
    this.#slowestMs = Math.max(this.#slowestMs, tookMs);
    if (tookMs <= QUIET_MS_MAX) return;
    this.#problems.push(`round ${round}: it was quiet after ${tookMs} ms`);
  }

  /** Afterwards nothing may be left but what the drill itself has still to ask. */
  async #leaveAlone(): Promise<void> {
    this.#alone++;
    await pause(ALONE_MS);
    const broken = await this.#read();
    const { lost, doubled, views, unsettled } = this.#differences();
    const left = [...broken, ...lost, ...doubled, ...views, ...unsettled.filter(isOurs)];
    const told = left.map((each) => `left alone for ${ALONE_MS} ms: ${each}`);
    this.#problems.push(...told.slice(0, PROBLEMS_SHOWN_MAX));
  }

  #differences(): Differences {
    const { members } = this.#tree;
    return differences({ members, chains: this.#chains, operations: this.#operations.all });
  }

  /** All chains once more from the beginning, and whether anybody was born twice. */
  async finish(): Promise<void> {
    const [root] = this.#tree.members;
    const members = await membersBelow(this.#server, root?.id ?? "");
    const known = new Set(this.#tree.members.map(({ id }) => id));
    const strangers = members.filter(({ id }) => !known.has(id)).map(({ name }) => name);
    if (strangers.length > 0) this.#problems.push(`born twice: ${strangers.join(", ")}`);
    await Promise.all(
      [...this.#chains.values()].map(async (chain) => {
        const problem = await chain.readAgain(this.#server);
        if (problem !== null) this.#problems.push(`${chain.id}: ${problem}`);
      }),
    );
  }

  async #loadAndKill(name: string): Promise<void> {
    const load = this.#operations.load(this.#server);
    await pause(this.#choices.below(LOAD_MS_MAX, name));
    await this.#server.kill();
    await load;
    this.#kills++;
    await this.#server.start();
  }

  /** Looks until there is no difference, or the time is up: then what differs is the result. */
  async #quiet(untilMs: number): Promise<void> {
    for (;;) {
      const broken = await this.#read();
      this.#last = this.#differences();
      if (broken.length === 0 && isNone(this.#last)) break;
      if (broken.length > 0 || this.#last.doubled.length > 0 || Date.now() > untilMs) {
        const { lost, doubled, views, unsettled } = this.#last;
        const found = [...broken, ...doubled, ...views, ...lost, ...unsettled];
        this.#problems.push(...found.slice(0, PROBLEMS_SHOWN_MAX));
        this.#problems.push(...(await this.#inspected(found)));
        return;
      }
      await pause(LOOK_AGAIN_MS);
    }
    this.#views += this.#tree.members.length - 1;
    this.#verified += this.#tree.members.length;
    await Promise.all(this.#tree.workers.map((id) => this.#checkState(id)));
  }

  /** What the actors say of themselves that the problems name. */
  async #inspected(problems: readonly string[]): Promise<string[]> {
    const named = this.#tree.members.filter(({ id }) => problems.some((each) => each.includes(id)));
    return await Promise.all(
      named.slice(0, INSPECTED_MAX).map(async ({ id, name }) => {
        const answer = await this.#server.call("GET", `/v1/actors/${id}`);
        return `${name}: ${answer?.text ?? "does not answer"}`;
      }),
    );
  }

  async #read(): Promise<string[]> {
    const problems = await Promise.all(
      [...this.#chains.values()].map(async (chain) => {
        const problem = await chain.read(this.#server);
        return problem === null ? [] : [`${chain.id}: ${problem}`];
      }),
    );
    return problems.flat();
  }

  /** The guest's own count says the same as its chain. */
  async #checkState(id: string): Promise<void> {
    const chain = this.#chains.get(id);
    const text = await this.#server.must("GET", `/v1/actors/${id}/state`);
    const { count, sum } = JSON.parse(text) as { count: number; sum: number };
    if (chain?.count === count && chain.sum === sum) return;
    const should = `${chain?.count} and ${chain?.sum}`;
    this.#problems.push(`the state of ${id} is ${count} and ${sum}; its chain has ${should}`);
  }

  table(seed: string): Table {
    const chains = [...this.#chains.values()];
    const sum = (of: (chain: ChainView) => number): number =>
      chains.reduce((total, chain) => total + of(chain), 0);
    const { all } = this.#operations;
    return {
      seed,
      actors: chains.length,
      rounds: this.#rounds,
      kills: this.#kills,
      leftAlone: this.#alone,
      operations: all.length,
      acknowledged: all.filter(({ status }) => status !== "open").length,
      lost: this.#last.lost.length,
      doubled: this.#last.doubled.length,
      restartsDecided: sum(({ decided }) => decided.filter(isRestart).length),
      restartsSeen: sum(({ starts }) => starts.length),
      viewsCompared: this.#views,
      viewsDifferent: this.#last.views.length,
      chainsVerified: this.#verified,
      events: sum(({ length }) => length),
      slowestQuietMs: this.#slowestMs,
      problems: this.#problems,
    };
  }
}

/** Whether the tree itself should have seen to it. */
function isOurs(difference: string): boolean {
  return !difference.includes(NO_ANSWER);
}

function isRestart({ action }: { action: string }): boolean {
  return action === "restart";
}
