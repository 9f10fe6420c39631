// Callers that each wait for an answer before they ask again: the one load generator of all measurements. Every
// answer is looked at, so that a system that answers fast and wrong has no rate at all.

import { performance } from "node:perf_hooks";
import { Connection } from "./connection.ts";

export interface Load {
  /** Requests per second that were answered. */
  rate: number;
  /** Of each request, in milliseconds. */
  times: number[];
  /** Share of the time in which this process was at work: near 1, it would be the bottleneck. */
  busy: number;
}

/** Sees the answer to a request that was sent to target number `target`; throws if it is wrong. */
export type Check = (target: number, answer: { status: number; body: string }) => void;

export interface LoadOptions {
  port: number;
  /** One request for each target, as bytes. */
  requests: readonly Buffer[];
  /** Callers at the same time. */
  width: number;
  ms: number;
  check: Check;
}

/**
 * Caller i asks targets i, i + width, i + 2 width … in turn: with as many callers as targets, each keeps its own.
 * The connections are open before the clock starts.
 */
export async function load({ port, requests, width, ms, check }: LoadOptions): Promise<Load> {
  const connections = await Promise.all(Array.from({ length: width }, () => Connection.open(port)));
  const times: number[] = [];
  const idle = performance.eventLoopUtilization();
  const begun = performance.now();
  const end = begun + ms;
  const caller = async (connection: Connection, first: number): Promise<void> => {
    for (let n = first; ; n += width) {
      const at = performance.now();
      if (at >= end) return;
      const target = n % requests.length;
      const answer = await connection.ask(requests[target] ?? Buffer.alloc(0));
      times.push(performance.now() - at);
      check(target, answer);
    }
  };
  try {
    await Promise.all(connections.map(caller));
    const rate = (times.length * 1000) / (performance.now() - begun);
    return { rate, times, busy: performance.eventLoopUtilization(idle).utilization };
  } finally {
    for (const connection of connections) connection.close();
  }
}
