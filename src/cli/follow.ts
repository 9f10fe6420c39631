// Following a chain over server-sent events. Rule: no gap and nothing twice; after a connection breaks, the
// next one goes on behind the last event that was complete.

import { setTimeout as sleep } from "node:timers/promises";
import { LINE_LENGTH_MAX, parseLine } from "../chain/ndjson.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { received, type SourceLine } from "./chain-source.ts";
import { ask, ServerRefusal } from "./client.ts";
import type { Context } from "./context.ts";

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 10_000;

/** Goes on until nobody reads any more. Throws where the first connection fails, or the server refuses for good. */
export async function* follow(
  { connection, output }: Context,
  id: string,
  from: number,
): AsyncGenerator<SourceLine> {
  let last = from - 1;
  let retryMs = 0;
  for (;;) {
    try {
      const headers = last < 0 ? {} : { "last-event-id": String(last) };
      const response = await ask(connection, "GET", `${actorPath(id)}/chain/follow`, { headers });
      for await (const one of messages(received(response.body ?? empty(), connection.url))) {
        retryMs = RETRY_MS_MIN;
        if (one.line.seq <= last) continue;
        last = one.line.seq;
        yield one;
      }
      retryMs = Math.max(retryMs, RETRY_MS_MIN);
    } catch (thrown) {
      if (retryMs === 0 || !isPassing(thrown)) throw thrown;
    }
    output.note(`the connection ended; going on behind event ${last}`);
    await sleep(retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
  }
}

/** Each complete message's event; comments and what the end cut off are left out. */
async function* messages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SourceLine> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = parts.pop() ?? "";
    if (rest.length > LINE_LENGTH_MAX) {
      throw new TheaterError(
        "unsupported",
        `a message has more than ${LINE_LENGTH_MAX} characters`,
      );
    }
    for (const part of parts) {
      const text = /^data: (.*)$/m.exec(part)?.[1];
      if (text !== undefined) yield { text, line: parseLine(text) };
    }
  }
}

async function* empty(): AsyncGenerator<Uint8Array> {
  // An answer without a body ends at once.
}

/** Whether to try again: nobody answers, or the server is busy. */
export function isPassing(thrown: unknown): boolean {
  if (thrown instanceof ServerRefusal) return thrown.status >= 500 || thrown.status === 429;
  return thrown instanceof TheaterError && ["unavailable", "too-slow"].includes(thrown.code);
}
