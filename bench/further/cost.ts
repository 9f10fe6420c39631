// Counts times prices: dollars for a million turns, part by part.

import {
  CPU_MS,
  OBJECT_GB,
  OBJECT_GB_SECOND,
  OBJECT_REQUEST,
  R2_CLASS_A,
  R2_CLASS_B,
  ROW_READ,
  ROW_WRITTEN,
  WORKER_REQUEST,
} from "../prices.ts";
import type { PerTurn } from "./counts.ts";

export interface CostPart {
  name: string;
  /** In a million turns. */
  count: number;
  dollars: number;
}

const MILLION = 1e6;

/** Without what is stored, which is by the month, and without what the plan includes. */
export function costOfMillion(per: PerTurn): CostPart[] {
  const part = (name: string, count: number, price: number): CostPart => ({
    name,
    count: count * MILLION,
    dollars: count * MILLION * price,
  });
  return [
    part("requests to the Worker", 1, WORKER_REQUEST),
    part("requests to Durable Objects", per.objectRequests, OBJECT_REQUEST),
    part("Durable Objects at work, GB-s", (per.wallMs / 1000) * OBJECT_GB, OBJECT_GB_SECOND),
    part("rows written in Durable Objects", per.sqliteRowsWritten, ROW_WRITTEN),
    part("rows read in Durable Objects", per.sqliteRowsRead, ROW_READ),
    part("rows written in D1", per.d1RowsWritten, ROW_WRITTEN),
    part("rows read in D1", per.d1RowsRead, ROW_READ),
    part("R2, class A", per.r2ClassA, R2_CLASS_A),
    part("R2, class B", per.r2ClassB, R2_CLASS_B),
    part("calls into Dynamic Workers", per.loaderRequests, WORKER_REQUEST),
    part("CPU, ms (an upper bound: all of workerd)", per.cpuMs, CPU_MS),
  ];
}

export function total(parts: readonly CostPart[]): number {
  return parts.reduce((all, { dollars }) => all + dollars, 0);
}
