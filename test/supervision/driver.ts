// Runs a script of the model test on src/supervision: performs the actions of a tree of supervisors in the
// world, tells them what it saw, and keeps all that they decided.

import { advance, type Input } from "../../src/supervision/advance.ts";
import { findChild, NEW_SUPERVISOR, type Supervisor } from "../../src/supervision/children.ts";
import type { Action, Observation } from "../../src/supervision/execute.ts";
import {
  CHILD_DEFAULT,
  NO_BACKOFF,
  SUPERVISOR_DEFAULT,
  type Backoff,
  type ChildSpec,
  type ExitKind,
  type SupervisorSpec,
} from "../../src/supervision/spec.ts";
import type { Decision, Trigger } from "../../src/supervision/trigger.ts";
import {
  choose,
  nameOf,
  parentOf,
  ROOT,
  World,
  type Node,
  type Script,
  type SupNode,
} from "./world.ts";

export interface Decided {
  readonly path: string;
  readonly spec: SupervisorSpec;
  readonly before: Supervisor;
  readonly decision: Decision;
  readonly nowMs: number;
}

interface Place {
  readonly spec: SupervisorSpec;
  supervisor: Supervisor;
}

const SEED = new Uint8Array(32);
const TOLD = "told";

export class Driver {
  readonly world: World;
  readonly decided: Decided[] = [];
  readonly places = new Map<string, Place>();
  readonly #script: Script;
  readonly #notices: (() => void)[] = [];
  #spawned = 0;

  readonly #backoff: Backoff;

  constructor(script: Script, backoff: Backoff = NO_BACKOFF) {
    this.#backoff = backoff;
    this.#script = script;
    this.world = new World(script);
    this.#know(ROOT, script.root);
  }

  run(): void {
    this.boot();
    for (const happening of this.#script.happenings) {
      this.world.write(`-- ${JSON.stringify(happening)}`);
      switch (happening.do) {
        case "boot":
          this.boot();
          break;
        case "pass":
          this.#pass(happening.ms);
          break;
        case "crash":
          this.#crash(happening.pick, happening.kind);
          break;
        case "spawn": {
          const path = choose(this.#up(), happening.pick);
          if (path === undefined) break;
          const node = { name: `d${this.#spawned++}`, significant: false, sup: null };
          const spec = specOf({ ...node, restart: happening.restart });
          this.world.live(`${path}/${node.name}`);
          this.#feed(path, { trigger: { on: "add-child", spec, incarnation: 0 } });
          break;
        }
        case "stop-child":
        case "restart-child":
        case "delete-child": {
          const path = choose(this.#children(), happening.pick);
          if (path === undefined) break;
          const child = nameOf(path);
          const trigger: Trigger =
            happening.do === "restart-child"
              ? { on: happening.do, child, from: null, by: null }
              : { on: happening.do, child, by: null };
          this.#feed(parentOf(path), { trigger });
          this.#settle();
        }
      }
    }
  }

  /** Lets time pass until nothing waits for it any more. */
  rest(): void {
    for (let i = 0; i < 1_000 && [...this.places.values()].some(isWaiting); i++) this.#pass(60_000);
  }

  #pass(ms: number): void {
    this.world.nowMs += ms;
    for (const [path, place] of this.places) if (isWaiting(place)) this.#feed(path, null);
    this.#settle();
  }

  boot(): void {
    if (this.#place(ROOT).supervisor.phase !== "up") this.#start(ROOT);
    this.#settle();
  }

  #crash(pick: number, kind: ExitKind): void {
    const path = this.world.pickWorker(pick);
    if (path === undefined || !this.world.die(path)) return;
    this.#exit(path, kind);
    this.#settle();
  }

  /** The newest incarnation of a child is down. */
  #exit(path: string, kind: ExitKind): void {
    const child = nameOf(path);
    const incarnation = findChild(this.#place(parentOf(path)).supervisor, child)?.alive ?? -1;
    const trigger = { on: "exit" as const, child, incarnation, kind, detail: "", evidence: null };
    this.#feed(parentOf(path), { trigger });
  }

  /** Feeds one input and performs what follows. Returns the reason with which the supervisor ended. */
  #feed(path: string, input: Input): string | undefined {
    const place = this.#place(path);
    const { nowMs } = this.world;
    const before = place.supervisor;
    // A chain holds it all: nothing may be lost when it is written down in between.
    const stored = structuredClone(before);
    const result = advance(place.spec, stored, input, { nowMs, seed: SEED });
    place.supervisor = result.supervisor;
    for (const decision of result.decisions) {
      this.decided.push({ path, spec: place.spec, before, decision, nowMs });
    }
    let ended: string | undefined;
    for (const action of result.actions) ended = this.#perform(path, action) ?? ended;
    return ended;
  }

  #perform(path: string, action: Action): string | undefined {
    if (action.do === "end") {
      this.world.write(`end ${path} ${action.kind}`);
      const bootFailed = this.decided
        .filter((each) => each.path === path)
        .findLast(
          ({ decision }) => decision.verdict === "escalate" || decision.verdict === "shutdown",
        );
      const trigger = bootFailed?.decision.trigger;
      const failedToBoot = trigger?.on === "start-failed" && trigger.origin === "boot";
      if (path !== ROOT && action.reason !== TOLD && !failedToBoot) this.#notify(path, action.kind);
      return failedToBoot ? "boot-failed" : action.reason;
    }
    const { child, incarnation } = action;
    const target = `${path}/${child}`;
    const crashed = this.world.crashMeanwhile(path);
    // Its own notice would be its answer, and the next steps would be logged before this one.
    if (crashed !== undefined && crashed !== target && !this.#isBeingStopped(crashed)) {
      this.#exit(crashed, "trap");
    }
    const observation = this.#act(target, action.do, { child, incarnation });
    return this.#feed(path, { observation });
  }

  #act(
    target: string,
    what: "start" | "stop" | "kill",
    at: { child: string; incarnation: number },
  ): Observation {
    if (what === "start") {
      if (this.#start(target)) return { saw: "started", ...at };
      return { saw: "start-failed", ...at, kind: "trap", detail: "" };
    }
    this.world.write(`stop ${target}`);
    this.world.die(target);
    if (this.places.get(target)?.supervisor.phase === "up") {
      this.#feed(target, {
        trigger: { on: "shutdown", kind: "shutdown", reason: TOLD, brutal: false },
      });
    }
    return { saw: "stopped", ...at };
  }

  #start(path: string): boolean {
    this.world.write(`start ${path}`);
    let ok = !this.world.startFails();
    if (ok && !this.places.has(path)) this.world.live(path);
    if (ok && this.places.has(path)) {
      const ended = this.#feed(path, { trigger: { on: "boot" } });
      ok = ended !== "boot-failed";
    }
    if (!ok) this.world.write(`failed ${path}`);
    return ok;
  }

  /** After the supervisor above is done with what it does; by then it may have started another. */
  #notify(path: string, kind: ExitKind): void {
    const above = this.#place(parentOf(path));
    const child = nameOf(path);
    const incarnation = findChild(above.supervisor, child)?.incarnation ?? -1;
    const trigger = { on: "exit" as const, child, incarnation, kind, detail: "", evidence: null };
    this.#notices.push(() => this.#feed(parentOf(path), { trigger }));
  }

  #settle(): void {
    for (let each = this.#notices.shift(); each !== undefined; each = this.#notices.shift()) each();
  }

  #isBeingStopped(path: string): boolean {
    const { supervisor } = this.#place(parentOf(path));
    return supervisor.plans.some(
      ({ plan, cursor }) =>
        plan.steps[cursor.step]?.do === "stop" && cursor.waiting.includes(nameOf(path)),
    );
  }

  #know(path: string, node: SupNode): void {
    const { strategy, intensity, periodMs, autoShutdown } = node;
    const children = node.children.map(specOf);
    const spec = {
      ...SUPERVISOR_DEFAULT,
      strategy,
      intensity,
      periodMs,
      autoShutdown,
      children,
      backoff: this.#backoff,
    };
    this.places.set(path, { spec, supervisor: NEW_SUPERVISOR });
    for (const { name, sup } of node.children) if (sup !== null) this.#know(`${path}/${name}`, sup);
  }

  #place(path: string): Place {
    const place = this.places.get(path);
    if (place === undefined) throw new Error(`no supervisor at ${path}`);
    return place;
  }

  #up(): string[] {
    return [...this.places].filter(([, each]) => each.supervisor.phase === "up").map(([p]) => p);
  }

  #children(): string[] {
    return this.#up().flatMap((path) =>
      this.#place(path).supervisor.children.map(({ spec }) => `${path}/${spec.id}`),
    );
  }
}

function isWaiting({ supervisor }: Place): boolean {
  return supervisor.plans.length > 0;
}

function specOf({ name, restart, significant }: Omit<Node, "sup">): ChildSpec {
  return { ...CHILD_DEFAULT, id: name, restart, significant };
}
