// The world around supervisors for the model test: workers that start, fail to start, and crash at scripted
// moments, and a log of what was done to them. Both interpreters live in one of their own and must
// leave the same log.

import type { AutoShutdown, ExitKind, Restart, Strategy } from "../../src/supervision/spec.ts";

/** A worker, or with `sup` a supervisor of its own. */
export interface Node {
  readonly name: string;
  readonly restart: Restart;
  readonly significant: boolean;
  readonly sup: SupNode | null;
}

export interface SupNode {
  readonly strategy: Strategy;
  readonly intensity: number;
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
  readonly children: readonly Node[];
}

/** Numbers pick among what is there at that moment, modulo how many there are. */
export type Happening =
  | { readonly do: "crash"; readonly pick: number; readonly kind: ExitKind }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "stop-child" | "restart-child" | "delete-child"; readonly pick: number }
  | { readonly do: "spawn"; readonly pick: number; readonly restart: Restart }
  | { readonly do: "boot" };

export interface Script {
  readonly root: SupNode;
  readonly happenings: readonly Happening[];
  /** Numbers of starts (counted from 0 through the whole run) that fail. */
  readonly failingStarts: readonly number[];
  /** While a supervisor performs its n-th action, one of its own workers crashes. */
  readonly crashesMeanwhile: readonly { readonly action: number; readonly pick: number }[];
}

export const ROOT = "root";
export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export class World {
  readonly log: string[] = [];
  nowMs = 1_000_000;
  readonly #script: Script;
  readonly #live = new Set<string>();
  #starts = 0;
  #actions = 0;

  constructor(script: Script) {
    this.#script = script;
  }

  write(line: string): void {
    this.log.push(line);
  }

  /** A supervisor is about to act. Returns the worker of its that crashes just now. */
  crashMeanwhile(supervisor: string): string | undefined {
    const action = this.#actions++;
    const crash = this.#script.crashesMeanwhile.find((each) => each.action === action);
    if (crash === undefined) return undefined;
    const path = choose(
      [...this.#live].filter((each) => parentOf(each) === supervisor),
      crash.pick,
    );
    return path !== undefined && this.die(path) ? path : undefined;
  }

  startFails(): boolean {
    return this.#script.failingStarts.includes(this.#starts++);
  }

  live(path: string): void {
    this.#live.add(path);
  }

  /** False where it was dead already. */
  die(path: string): boolean {
    return this.#live.delete(path);
  }

  workers(): string[] {
    return [...this.#live].sort();
  }

  pickWorker(pick: number): string | undefined {
    return choose([...this.#live], pick);
  }
}

/** Sorted first: the two worlds fill their sets in different orders. */
export function choose(paths: readonly string[], pick: number): string | undefined {
  return [...paths].sort()[pick % Math.max(paths.length, 1)];
}
