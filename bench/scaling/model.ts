// The scaling model: arithmetic on what was measured, list prices and the platform's limits. No number here is a
// measurement of a deployment.

import { total, type CostPart } from "../further/cost.ts";
import type { PerTurn } from "../further/counts.ts";
import {
  D1_BYTES_MAX,
  D1_ROWS_PER_SECOND,
  D1_STATEMENTS_PER_SECOND,
  OBJECT_WRITES_PER_SECOND,
  SHARDS_MAX,
} from "../limits.ts";
import { D1_GB_MONTH, DYNAMIC_WORKER_DAY, PLAN_MONTH, R2_GB_MONTH } from "../prices.ts";

export interface Measured {
  perTurn: PerTurn;
  parts: CostPart[];
  /** Turns of one actor in a second: what an object can write, or fewer where they are quiet. */
  turnsPerActor: number;
  /** Of an event in a CAR file, with its payload. */
  eventBytes: number;
}

export const DAYS: readonly number[] = [1e3, 1e6, 1e9];
/** The busiest second against the mean one. */
export const PEAK = 5;
const EVENTS_PER_TURN = 3;
/** Of a deployment: one for each uploaded component that has a turn that day. */
export const COMPONENTS = 20;
/** Columns beside the block, and pages that are not full: as a multiple of its size in a CAR. */
const D1_OVERHEAD = 2;
/** Newest events of an actor that stay in D1; older ones are sealed in R2. */
export const UNSEALED_EVENTS = 10_000;

const SECONDS_PER_DAY = 86_400;
const DAYS_PER_MONTH = 30;

export interface Scale {
  turnsPerDay: number;
  /** In the busiest second. */
  turnsPerSecond: number;
  /** So that no object has more than it can write then. */
  actorsMin: number;
  statementsPerSecond: number;
  rowsPerSecond: number;
  shards: number;
  /** Which come to R2 in a month, in GB. */
  storedGbPerMonth: number;
  dollarsPerMonth: number;
}

export function scale(
  turnsPerDay: number,
  { perTurn, parts, turnsPerActor, eventBytes }: Measured,
): Scale {
  const turnsPerSecond = (turnsPerDay / SECONDS_PER_DAY) * PEAK;
  const statementsPerSecond = turnsPerSecond * perTurn.d1Statements;
  const rowsPerSecond = turnsPerSecond * perTurn.d1RowsWritten;
  const actorsMin = Math.max(1, Math.ceil(turnsPerSecond / turnsPerActor));
  const gbPerMonth = (turnsPerDay * DAYS_PER_MONTH * EVENTS_PER_TURN * eventBytes) / 1e9;
  const shards = Math.max(
    1,
    Math.ceil(statementsPerSecond / D1_STATEMENTS_PER_SECOND),
    Math.ceil(rowsPerSecond / D1_ROWS_PER_SECOND),
  );
  const d1Gb = Math.min(gbPerMonth, (actorsMin * UNSEALED_EVENTS * eventBytes) / 1e9) * D1_OVERHEAD;
  const dollarsPerMonth =
    PLAN_MONTH +
    (turnsPerDay * DAYS_PER_MONTH * total(parts)) / 1e6 +
    COMPONENTS * DYNAMIC_WORKER_DAY * DAYS_PER_MONTH +
    gbPerMonth * R2_GB_MONTH +
    d1Gb * D1_GB_MONTH;
  return {
    turnsPerDay,
    turnsPerSecond,
    actorsMin,
    statementsPerSecond,
    rowsPerSecond,
    shards,
    storedGbPerMonth: gbPerMonth,
    dollarsPerMonth,
  };
}

export interface Ceiling {
  name: string;
  /** Turns per second at which it is reached. */
  turnsPerSecond: number;
}

/** With all databases that can be bound, lowest first. */
export function ceilings({ perTurn }: Measured): Ceiling[] {
  const statements = (SHARDS_MAX * D1_STATEMENTS_PER_SECOND) / perTurn.d1Statements;
  const rows = (SHARDS_MAX * D1_ROWS_PER_SECOND) / perTurn.d1RowsWritten;
  return [
    { name: `statements to ${SHARDS_MAX} databases`, turnsPerSecond: statements },
    { name: `rows written in ${SHARDS_MAX} databases`, turnsPerSecond: rows },
    { name: "one actor alone (its object's writes)", turnsPerSecond: OBJECT_WRITES_PER_SECOND },
  ].toSorted((a, b) => a.turnsPerSecond - b.turnsPerSecond);
}

/** How many actors' newest events the databases hold. */
export function actorsInLedger(eventBytes: number): number {
  return (SHARDS_MAX * D1_BYTES_MAX) / (UNSEALED_EVENTS * eventBytes * D1_OVERHEAD);
}
