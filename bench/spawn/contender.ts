// Who is measured in doing something for the first time, and the measuring: by turns, in blocks, so that what else the
// machine does meets all alike, and so that what is left over from one birth meets the next, as it does in life.

import { Connection, requestBytes } from "../load/connection.ts";
import { processorMs, workerds } from "../processor.ts";

/** One way to do something for the first time. */
export interface Contender {
  name: string;
  port: number;
  /** Its workerd, if it is known which. */
  workerd: number | undefined;
  /** Makes ready the nth time, of something that nobody has asked before. What it returns is what is timed. */
  ready: (connection: Connection, n: number) => () => Promise<void>;
  stop: () => Promise<void>;
}

/** Of one contender. */
export interface Times {
  name: string;
  /** From the first byte of the (first) request to the last byte of the (last) answer, each. */
  ms: number[];
  /** Processor time of its workerd for one, by round; with what it does behind the answers of that round. */
  cpuMs: number[];
}

export interface Rounds {
  rounds: number;
  /** In each round, by each contender. */
  times: number;
  note?: ((line: string) => void) | undefined;
}

/** Measures all of them, and stops them. A round before the first counts for nothing: servers warm up. */
export async function measure(
  contenders: readonly Contender[],
  { rounds, times, note }: Rounds,
): Promise<Times[]> {
  const found = contenders.map(({ name }): Times => ({ name, ms: [], cpuMs: [] }));
  let n = 0;
  try {
    for (let round = -1; round < rounds; round++) {
      for (const [index, contender] of contenders.entries()) {
        const all = Array.from({ length: times }, () => n++);
        const { ms, cpuMs } = await block(contender, all);
        if (round < 0) continue;
        found[index]?.ms.push(...ms);
        found[index]?.cpuMs.push(cpuMs);
      }
      note?.(round < 0 ? "warm" : `round ${round + 1} of ${rounds}`);
    }
  } finally {
    for (const contender of contenders) await contender.stop();
  }
  return found;
}

async function block(
  { port, workerd, ready }: Contender,
  all: readonly number[],
): Promise<{ ms: number[]; cpuMs: number }> {
  const connection = await Connection.open(port); // an idle one is closed
  const before = workerd === undefined ? Number.NaN : await processorMs(workerd);
  const ms: number[] = [];
  for (const n of all) {
    const act = ready(connection, n);
    const at = performance.now();
    await act();
    ms.push(performance.now() - at);
  }
  const after = workerd === undefined ? Number.NaN : await processorMs(workerd);
  connection.close();
  return { ms, cpuMs: (after - before) / all.length };
}

/** The workerd that was started last. */
export async function newestWorkerd(): Promise<number | undefined> {
  return (await workerds()).at(-1);
}

export interface Asked {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** The body of the answer. Throws for any status but one of success. */
export async function told(connection: Connection, bytes: Buffer): Promise<string> {
  const { status, body } = await connection.ask(bytes);
  if (status >= 300) throw new Error(`${status} ${body}`);
  return body;
}

export function bytesOf({ method, path, headers = {}, body = "" }: Asked): Buffer {
  if (typeof body === "string") return requestBytes({ method, path, headers, body });
  const sized = { ...headers, "content-length": String(body.length) };
  return Buffer.concat([requestBytes({ method, path, headers: sized }), body]);
}
