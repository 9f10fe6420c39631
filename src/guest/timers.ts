// `theater/guest/timers`: messages of the actor to itself at a later time. They go to `onTimer`, with the
// timer's name and body, and outlive whatever runs the actor.

import * as host from "theater:edge/timers";
import { type Body, toBytes } from "./message.ts";

/**
 * When a timer fires. `at`: a Date, or milliseconds since the epoch. `after` and `every`: milliseconds.
 * `cron`: five fields, in UTC, as in `0 9 * * mon-fri`.
 */
export type Plan =
  | { readonly at: Date | number }
  | { readonly after: number }
  | { readonly every: number }
  | { readonly cron: string };

export interface Timer {
  readonly name: string;
  /** As the host keeps it: `after` has become `at`, and `at` is a number. */
  readonly plan: { readonly at: number } | { readonly every: number } | { readonly cron: string };
  /** When it fires next, milliseconds since the epoch. */
  readonly due: number;
}

/**
 * Sets the timer of this name, in place of an earlier one, once the turn has succeeded. Returns when it
 * fires first, milliseconds since the epoch. Throws for a plan that is wrong or over a limit.
 */
export function schedule(name: string, plan: Plan, body: Body = ""): number {
  return host.schedule(name, toHost(plan), toBytes(body));
}

/** Takes a timer back once the turn has succeeded. Returns whether there was one. */
export function cancel(name: string): boolean {
  return host.cancel(name);
}

/** The timers that are set, by name; those of this turn too. */
export function list(): Timer[] {
  return host.list().map(({ name, plan, due }) => ({ name, plan: fromHost(plan), due }));
}

function toHost(plan: Plan): host.Plan {
  if ("cron" in plan) return { tag: "cron", val: plan.cron };
  if ("every" in plan) return { tag: "every", val: plan.every };
  if ("after" in plan) return { tag: "after", val: plan.after };
  return { tag: "at", val: Number(plan.at) };
}

function fromHost({ tag, val }: host.Plan): Timer["plan"] {
  if (tag === "cron") return { cron: val };
  return tag === "every" ? { every: val } : { at: val };
}
