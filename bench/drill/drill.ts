// The drill: strikes the server with one fault a round while a tree of actors works, and afterwards waits until
// the tree is quiet and holds every chain against what was acknowledged and against each other.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChainView } from "./chain-view.ts";
import { differences, isNone, NO_ANSWER, type Differences } from "./checks.ts";
import { workerComponent } from "./component.ts";
import type { Fault } from "./faults.ts";
import { inspected, ledgerProblems } from "./inspection.ts";
import { Operations, pause } from "./operations.ts";
import { Choices } from "./random.ts";
import { Server } from "./server.ts";
import { membersBelow, plant, type Tree } from "./tree.ts";

export interface DrillOptions {
  seed: string;
  rounds: number;
  actors: number;
  /** One after the other, a round each, and again. */
  faults: readonly Fault[];
  /** An empty one for its data; otherwise one that is deleted afterwards. */
  folder?: string;
  /** Stops early, between two rounds. */
  maxMs: number;
  /** After each round. */
  progress?: (table: Table) => void;
}

export interface Table {
  seed: string;
  actors: number;
  rounds: number;
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
  byFault: Outcome[];
  /** What was wrong, and where. Empty is a pass. */
  problems: string[];
}

/** What came of one fault, in all its rounds. */
export interface Outcome {
  fault: string;
  what: string;
  rounds: number;
  /** How often it struck. */
  strikes: number;
  operations: number;
  /** Tries that were answered 429 or 503. */
  refusals: number;
  /** Operations of which a chain says that the host failed them or cut them off. */
  failed: number;
  lost: number;
  doubled: number;
  viewsDifferent: number;
  slowestQuietMs: number;
  /** Why it could not strike here. */
  missing?: string;
}

/** The stated time: from the server's readiness to a tree in which nothing is under way. */
export const QUIET_MS_MAX = 60_000;
/** Out of a hundred rounds: those after which nobody asks anything for ALONE_MS: alarms alone have to bring it to rest. */
const ALONE_SHARE = 8;
const ALONE_MS = 20_000;
const LOOK_AGAIN_MS = 100;
const PROBLEMS_SHOWN_MAX = 20;

export async function drill(options: DrillOptions): Promise<Table> {
  const { seed, rounds, actors, maxMs, progress } = options;
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "theater-drill-")));
  const server = new Server(folder);
  const begunMs = Date.now();
  try {
    await server.start();
    const tree = await plant(server, await workerComponent(), actors);
    const run = new Run(server, tree, new Choices(seed), await possible(options.faults, folder));
    for (let round = 0; round < rounds && Date.now() - begunMs < maxMs; round++) {
      await run.round(round);
      progress?.(run.table(seed));
      if (run.table(seed).problems.length > 0) break;
    }
    await run.finish();
    return run.table(seed);
  } finally {
    await server.kill();
    const isOurs = options.folder === undefined && process.env["DRILL_KEEP"] === undefined;
    if (isOurs) await rm(folder, { recursive: true, force: true });
  }
}

async function possible(faults: readonly Fault[], folder: string): Promise<Possible[]> {
  return await Promise.all(
    faults.map(async (fault) => {
      const missing = await fault.isMissing?.(folder);
      const outcome: Outcome = {
        fault: fault.name,
        what: fault.what,
        rounds: 0,
        strikes: 0,
        operations: 0,
        refusals: 0,
        failed: 0,
        lost: 0,
        doubled: 0,
        viewsDifferent: 0,
        slowestQuietMs: 0,
        ...(missing === undefined ? {} : { missing }),
      };
      return { fault, outcome };
    }),
  );
}

interface Possible {
  fault: Fault;
  outcome: Outcome;
}

class Run {
  readonly #server: Server;
  readonly #tree: Tree;
  readonly #choices: Choices;
  readonly #operations: Operations;
  readonly #chains: ReadonlyMap<string, ChainView>;
  readonly #faults: readonly Possible[];
  readonly #problems: string[] = [];
  #rounds = 0;
  #alone = 0;
  #views = 0;
  #verified = 0;
  #slowestMs = 0;
  #last: Differences = { lost: [], doubled: [], views: [], failed: new Set(), unsettled: [] };

  constructor(server: Server, tree: Tree, choices: Choices, faults: readonly Possible[]) {
    this.#faults = faults;
    this.#server = server;
    this.#tree = tree;
    this.#choices = choices;
    this.#operations = new Operations(choices, tree.workers);
    this.#chains = new Map(tree.members.map(({ id }) => [id, new ChainView(id)]));
  }

  async round(round: number): Promise<void> {
    this.#rounds++;
    const strikable = this.#faults.filter(({ outcome }) => outcome.missing === undefined);
    const next = strikable[round % strikable.length];
    if (next === undefined) throw new Error("no fault can strike here");
    const before = { failed: this.#last.failed.size, refusals: this.#operations.refusals };
    const operations = this.#operations.all.length;
    const { outcome } = next;
    outcome.strikes += await this.#loadAndStrike(next.fault, `round/${round}`);
    outcome.operations += this.#operations.all.length - operations;
    if (this.#choices.below(100, `round/${round}/alone`) < ALONE_SHARE) await this.#leaveAlone();
    const tookMs = await this.#settle(round);
    outcome.rounds++;
    outcome.refusals += this.#operations.refusals - before.refusals;
    outcome.failed += this.#last.failed.size - before.failed;
    outcome.lost += this.#last.lost.length;
    outcome.doubled += this.#last.doubled.length;
    outcome.viewsDifferent += this.#last.views.length;
    outcome.slowestQuietMs = Math.max(outcome.slowestQuietMs, tookMs);
  }

  /** Until the tree is quiet; how long that took, ms. */
  async #settle(round: number): Promise<number> {
    const upMs = Date.now();
    const untilMs = upMs + QUIET_MS_MAX;
    await this.#operations.settle(this.#server, untilMs);
    await this.#quiet(untilMs);
    const tookMs = Date.now() - upMs;
    this.#slowestMs = Math.max(this.#slowestMs, tookMs);
    if (tookMs > QUIET_MS_MAX) {
      this.#problems.push(`round ${round}: it was quiet after ${tookMs} ms`);
    }
    return tookMs;
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
    this.#problems.push(...(await ledgerProblems(this.#server)));
  }

  /** How often it struck. */
  async #loadAndStrike(fault: Fault, name: string): Promise<number> {
    const [server, operations, choices] = [this.#server, this.#operations, this.#choices];
    const scene = { server, operations, choices, name, workers: this.#tree.workers };
    let isOver = false;
    const load = operations.load(server, () => isOver);
    const strikes = await fault.strike(scene);
    isOver = true;
    await load;
    await fault.recover?.(scene);
    return strikes;
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
        this.#problems.push(...(await inspected(this.#server, this.#tree.members, found)));
        return;
      }
      await pause(LOOK_AGAIN_MS);
    }
    this.#views += this.#tree.members.length - 1;
    this.#verified += this.#tree.members.length;
    await Promise.all(this.#tree.workers.map((id) => this.#checkState(id)));
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
      byFault: this.#faults.map(({ outcome }) => outcome),
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
