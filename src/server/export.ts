// A chain as a CAR file: events and payloads in order, then what was asked for besides. It is made while
// it is sent, from one page at a time, and breaks off rather than end early.

import { writeChainCar } from "../chain/car.ts";
import { parseCid } from "../chain/cid.ts";
import { TheaterError } from "../lib/errors.ts";
import type { ChainEntry } from "../runtime/protocol.ts";
import { pagesFrom, type Range } from "./chain-pages.ts";
import { ExportContent } from "./export-content.ts";
import { CHAIN_PAGE_MAX } from "./limits.ts";
import { valueOf } from "./problem.ts";
import type { Call } from "./route.ts";

export async function exportCar(
  call: Call,
  range: Range,
  include: readonly string[],
): Promise<Response> {
  const { types, about, since, until } = range;
  const filters = { type: types[0], about, since, until };
  for (const [parameter, given] of Object.entries(filters)) {
    if (given === undefined) continue;
    const message = `A CAR holds whole runs of a chain: leave \`${parameter}\` out, or ask for NDJSON.`;
    throw new TheaterError("bad-request", message, { parameter });
  }
  const { actors, param } = call;
  const head = valueOf(await actors.head(param("id")));
  const to = Math.min(range.to ?? head.seq, head.seq);
  if (range.from > to) {
    throw new TheaterError("not-found", `The chain ends at event ${head.seq}.`, {
      parameter: "from",
    });
  }
  const [last] = await one(call, to);
  const root = parseCid(last?.cid ?? head.cid);
  const content = new ExportContent(include);
  if (include.length > 0 && range.from > 0) await noteEarlier(call, range.from, content);
  const noted = async function* (): AsyncGenerator<ChainEntry> {
    for await (const entry of events(call, { ...range, to })) {
      content.note(entry);
      yield entry;
    }
  };
  const blocks = writeChainCar(root, noted(), content.blocks(call.param("id"), call.actors));
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await blocks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await blocks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "application/vnd.ipld.car" } });
}

async function one({ actors, param }: Call, seq: number): Promise<ChainEntry[]> {
  const query = { from: seq, to: seq, types: [], limit: 1 };
  return valueOf(await actors.chain(param("id"), query)).entries;
}

async function* events(call: Call, range: Range & { to: number }): AsyncGenerator<ChainEntry> {
  const { actors, param } = call;
  const id = param("id");
  const first = valueOf(await actors.chain(id, { ...range, limit: CHAIN_PAGE_MAX }));
  const limit = Number.POSITIVE_INFINITY;
  // Large pages: besides its events each one costs its actor's head, two statements and a range of R2 (one
  // sealed page each, measured on a busy machine: 100 events took 16 ms, 1,000 took 59).
  const pageMax = CHAIN_PAGE_MAX;
  for await (const page of pagesFrom({ actors, id, first, range, limit, pageMax })) yield* page;
}

/** What events before the first exported one name: without the state before it, nothing can be run. */
async function noteEarlier(call: Call, from: number, content: ExportContent): Promise<void> {
  const range = { from: 0, to: from - 1, types: content.types };
  for await (const entry of events(call, range)) content.note(entry);
}
