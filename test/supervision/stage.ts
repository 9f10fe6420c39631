// A supervisor under test: says what children it has, and drives it to rest with obedient children.

import { advance, type Advance, type Input } from "../../src/supervision/advance.ts";
import { findChild, NEW_SUPERVISOR, type Supervisor } from "../../src/supervision/children.ts";
import type { Action, Observation } from "../../src/supervision/execute.ts";
import {
  CHILD_DEFAULT,
  SUPERVISOR_DEFAULT,
  type ChildSpec,
  type ExitKind,
  type SupervisorSpec,
} from "../../src/supervision/spec.ts";
import type { Decision, Trigger } from "../../src/supervision/trigger.ts";

export const SEED = new Uint8Array(32).fill(7);

export function child(id: string, policy: Partial<ChildSpec> = {}): ChildSpec {
  return { ...CHILD_DEFAULT, ...policy, id };
}

/** A supervisor with room for restarts, so that what a test is about shows. */
export function supervisor(flags: Partial<SupervisorSpec>): SupervisorSpec {
  return { ...SUPERVISOR_DEFAULT, intensity: 10, ...flags };
}

export class Stage {
  readonly spec: SupervisorSpec;
  state: Supervisor = NEW_SUPERVISOR;
  nowMs = 1_000_000;
  readonly log: string[] = [];
  readonly decisions: Decision[] = [];
  /** Children whose next starts fail, and how often. */
  readonly failing = new Map<string, number>();
  /** What happens just before an action, once: by its words, as in the log. */
  readonly meanwhile = new Map<string, () => void>();
  wakeMs: number | null = null;

  constructor(spec: SupervisorSpec) {
    this.spec = spec;
  }

  /** Boots it and forgets how. */
  static up(flags: Partial<SupervisorSpec>): Stage {
    const stage = new Stage(supervisor(flags));
    stage.trigger({ on: "boot" });
    stage.log.length = 0;
    return stage;
  }

  /** One input; performs nothing. */
  feed(input: Input): Advance {
    const result = advance(this.spec, this.state, input, { nowMs: this.nowMs, seed: SEED });
    this.state = result.supervisor;
    this.decisions.push(...result.decisions);
    this.wakeMs = result.wakeMs;
    return result;
  }

  /** Feeds, performs all actions, and what follows from them. Returns what was done, as words. */
  trigger(trigger: Trigger): string {
    return this.settle(this.feed({ trigger }).actions);
  }

  exit(id: string, kind: ExitKind = "trap"): string {
    return this.trigger(this.exitOf(id, kind));
  }

  exitOf(id: string, kind: ExitKind = "trap"): Trigger {
    const incarnation = this.child(id)?.alive ?? -1;
    return { on: "exit", child: id, incarnation, kind, detail: "", evidence: null };
  }

  /** Time passes, and what is due happens. */
  pass(ms: number): string {
    this.nowMs += ms;
    return this.settle(this.feed(null).actions);
  }

  settle(actions: readonly Action[]): string {
    const from = this.log.length;
    const due = [...actions];
    for (let action = due.shift(); action !== undefined; action = due.shift()) {
      const words = "child" in action ? `${action.do} ${action.child}` : action.do;
      const happens = this.meanwhile.get(words);
      this.meanwhile.delete(words);
      happens?.();
      const observation = this.#perform(action);
      if (observation !== null) due.push(...this.feed({ observation }).actions);
    }
    return this.log.slice(from).join(", ");
  }

  child(id: string): ReturnType<typeof findChild> {
    return findChild(this.state, id);
  }

  states(): Record<string, string> {
    return Object.fromEntries(this.state.children.map(({ spec, state }) => [spec.id, state]));
  }

  #perform(action: Action): Observation | null {
    if (action.do === "end") {
      this.log.push(`end ${action.kind}`);
      return null;
    }
    const { child: id, incarnation } = action;
    if (action.do === "stop" || action.do === "kill") {
      this.log.push(`${action.do} ${id}`);
      return { saw: "stopped", child: id, incarnation };
    }
    this.log.push(action.from === "init" ? `start ${id} from init` : `start ${id}`);
    const failures = this.failing.get(id) ?? 0;
    if (failures === 0) return { saw: "started", child: id, incarnation };
    this.failing.set(id, failures - 1);
    return { saw: "start-failed", child: id, incarnation, kind: "trap", detail: "" };
  }
}
