// `theater:edge/http-stream`: a response that leaves while its turn runs. Each part is an effect outside: what was
// intended is on disk before it leaves, and what became of it before the guest goes on.

import type { Value } from "../chain/value.ts";
import { err, ok, type HandlerAnswer, type HostFunction, type Services } from "./handler.ts";
import { readResponse } from "./http-response.ts";

export const HTTP_STREAM = "theater:edge/http-stream";

/** Of one part: it is held until the visitor takes it. */
const CHUNK_BYTES_MAX = 1024 * 1024;

/** The visitor who waits for the response of one turn. Each gives the reason where it could not be done. */
export interface Visitor {
  begin(head: StreamHead): Promise<string | undefined>;
  write(chunk: Uint8Array): Promise<string | undefined>;
}

export interface StreamHead {
  status: number;
  headers: readonly (readonly [name: string, value: string])[];
}

const told = (problem: string | undefined): HandlerAnswer =>
  problem === undefined ? ok(null) : err(problem);

const NOBODY = "not-streamed: the route is not marked with stream, or nobody waits any more";

/** Not to be done twice: after a crash the visitor is gone, and nobody knows what reached him. */
function effect(work: (visitor: Visitor, args: readonly Value[]) => Promise<string | undefined>) {
  return {
    effect: "unsafe",
    call: async ({ services }: { services: Services }, args: readonly Value[]) => {
      const { visitor } = services;
      return told(visitor === undefined ? NOBODY : await work(visitor, args));
    },
  } satisfies HostFunction;
}

export const streamFunctions: Readonly<Record<string, HostFunction>> = {
  [`${HTTP_STREAM}#begin`]: effect(async (visitor, [status, headers]) => {
    const head = readResponse({ status, headers, body: null } as unknown as Value, 0);
    return "problem" in head ? `bad-response: ${head.problem}` : await visitor.begin(head);
  }),
  [`${HTTP_STREAM}#write`]: effect(async (visitor, [chunk]) => {
    const bytes = chunk as Uint8Array; // by its WIT type
    if (bytes.length <= CHUNK_BYTES_MAX) return await visitor.write(bytes);
    return `too-large: a part has ${bytes.length} bytes; at most ${CHUNK_BYTES_MAX} leave at once`;
  }),
};
