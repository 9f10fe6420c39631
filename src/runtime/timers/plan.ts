// When a timer fires: what a guest may ask for, and the times that follow from it. Pure; the same plan and
// the same clock always give the same time.

import { Cron } from "croner";
import type { Value } from "../../chain/value.ts";

/** As it is kept: an `after` of the guest's has become `at`. Times in ms. */
export type Plan = { at: number } | { every: number } | { cron: string };

/** A shorter interval is a loop, and every time is a turn with its events in the chain. */
const EVERY_MS_MIN = 1_000;
/** How far away a timer may be. It covers the longest wait of any date, a 29 February around 2100. */
const AHEAD_MS_MAX = 10 * 366 * 24 * 60 * 60_000;
const CRON_CHARACTERS_MAX = 256;
/** Standard cron, without what some programs add: seconds, years, `@daily`, `?`, `L`, `W`, `#`. */
const CRON = /^[0-9a-z*,/-]+( [0-9a-z*,/-]+){4}$/i;
const CRON_NAMES =
  /^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)$/i;

/** The plan that a guest gave by its WIT type, with its first time; or what is wrong with it. */
export function planOf(
  given: Value,
  nowMs: number,
): { plan: Plan; dueMs: number } | { wrong: string } {
  const [[kind, value] = []] = Object.entries(given as Record<string, Value>);
  if (kind === "cron") return cronPlan(value as string, nowMs);
  const ms = Number(value);
  const ahead = kind === "at" ? ms - nowMs : ms;
  if (ahead > AHEAD_MS_MAX) {
    return { wrong: `a timer fires at most ${AHEAD_MS_MAX} ms from now` };
  }
  if (kind === "at") return { plan: { at: ms }, dueMs: ms };
  if (kind === "after") return { plan: { at: nowMs + ms }, dueMs: nowMs + ms };
  if (ms < EVERY_MS_MIN) return { wrong: `an interval has at least ${EVERY_MS_MIN} ms` };
  return { plan: { every: ms }, dueMs: nowMs + ms };
}

function cronPlan(text: string, nowMs: number): ReturnType<typeof planOf> {
  const fields = text.trim().replaceAll(/\s+/g, " ");
  const words = fields.match(/[a-z]+/gi) ?? [];
  if (
    fields.length > CRON_CHARACTERS_MAX ||
    !CRON.test(fields) ||
    !words.every((word) => CRON_NAMES.test(word))
  ) {
    const wrong = `not a cron expression: it has five fields (minute, hour, day, month, weekday), as in "0 9 * * mon-fri"`;
    return { wrong };
  }
  const plan = { cron: fields };
  try {
    const dueMs = cronAfter(fields, nowMs);
    return dueMs === undefined
      ? { wrong: `the cron expression "${fields}" never comes true` }
      : { plan, dueMs };
  } catch (thrown) {
    // The parser's own words, without its name: "Invalid value for minute: 60".
    const reason = thrown instanceof Error ? thrown.message.replace(/^CronPattern: /, "") : "";
    return { wrong: `not a cron expression: ${reason}` };
  }
}

/** The first minute after `ms` that fits, undefined if none ever does. */
function cronAfter(fields: string, ms: number): number | undefined {
  return new Cron(fields, { mode: "5-part", timezone: "UTC" }).nextRun(new Date(ms))?.getTime();
}

/**
 * The time after `dueMs`, which has come: the first that is still ahead, so that missed times become one.
 * Undefined where there is no other.
 */
export function nextDue(plan: Plan, dueMs: number, nowMs: number): number | undefined {
  if ("at" in plan) return undefined;
  const passedMs = Math.max(dueMs, nowMs);
  if ("cron" in plan) return cronAfter(plan.cron, passedMs);
  // From the schedule and not from now: an interval does not drift by the time that turns take.
  return dueMs + plan.every * (Math.floor((passedMs - dueMs) / plan.every) + 1);
}
