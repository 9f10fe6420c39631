// `theater:simple/runtime`: log, shutdown (both answered in the isolate) and the actor's own chain.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import { returned, type ChainView, type Handler, type HandlerAnswer } from "./handler.ts";
import { narrowing } from "./narrow.ts";
import { runtimePure } from "./pure/runtime.ts";

/** Events that one get-chain shows, the newest ones: the original had no limit, and chains grow. */
const CHAIN_EVENTS_MAX = 1_000;

/** The WIT of the original has room for 64 bits of a hash: the first eight bytes, big-endian. */
function shortHash(digest: Uint8Array): Value {
  const hash = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0);
  return hash <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(hash) : hash;
}

function shown({ events, recorded }: ChainView): HandlerAnswer {
  const list = events.map(({ digest, parent, type, payload }) => ({
    hash: shortHash(digest),
    event: {
      "event-type": type,
      parent: parent === null ? null : [shortHash(parent)],
      data: payload,
    },
  }));
  return { ...returned({ events: list }), recorded };
}

export const runtime: Handler = {
  type: "runtime",
  may: "log, read its own chain and shut itself down",
  imports: ["theater:simple/runtime"],
  exports: ["theater:simple/actor"],
  config: z.strictObject({}),
  narrow: narrowing({}),
  pure: runtimePure,
  functions: {
    "theater:simple/runtime#get-chain": {
      effect: "local",
      call: async ({ services }) => shown(await services.chain(CHAIN_EVENTS_MAX)),
      recall: async (chainAgain, recorded) => shown(await chainAgain(recorded)).result,
    },
  },
};
