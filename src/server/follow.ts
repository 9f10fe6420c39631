// Following a chain: server-sent events, history first, then whatever comes. Rule: the id of each is its
// seq, so a reader that reconnects with Last-Event-ID goes on exactly behind the last one it saw.

import { z } from "zod";
import { toLine } from "../chain/ndjson.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import type { Actors } from "../runtime/actors.ts";
import type { ChainEntry } from "../runtime/protocol.ts";
import { readQuery, wholeNumber } from "./input.ts";
import { CHAIN_PAGE_DEFAULT } from "./limits.ts";
import { respond, valueOf } from "./problem.ts";
import type { Call, Route } from "./route.ts";

/** How long the actor is asked to wait for news; then the reader gets a comment, so that proxies keep the line. */
const WAIT_MS = 15_000;

const position = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const followQuery = z.object({
  from: position.default(0).describe("The first seq wanted; Last-Event-ID goes before it."),
});

const follow: Route = {
  method: "GET",
  path: "/v1/actors/:id/chain/follow",
  summary: "Follow a chain: its history, then each event as it comes",
  query: followQuery,
  success: [
    {
      status: 200,
      description: "Server-sent events: `id` is the seq, `data` a line as in NDJSON.",
      content: { "text/event-stream": null },
    },
  ],
  refusals: ["busy", "unavailable", "outcome-unknown", "chain-gap", "chain-broken"],
  async serve(call) {
    const from = lastSeen(call) ?? readQuery(call, followQuery).from;
    const { actors, param } = call;
    // A refusal is an answer of its own as long as the stream has not begun.
    return respond(await actors.head(param("id")), () => {
      const messages = messagesFrom(actors, param("id"), from);
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { value } = await messages.next();
            if (value !== undefined) controller.enqueue(fromUtf8(value));
          },
          cancel() {
            // Not awaited: it comes through when the actor's answer does.
            void messages.return(undefined).catch(() => undefined);
          },
        },
        { highWaterMark: 0 }, // what a slow reader has not asked for is not read
      );
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    });
  },
};

function lastSeen({ request }: Call): number | undefined {
  const header = request.headers.get("last-event-id");
  if (header === null || header === "") return undefined;
  if (/^\d{1,15}$/.test(header)) return Number(header) + 1;
  throw new TheaterError("bad-request", "Last-Event-ID must be a seq of this stream.", {
    header: "last-event-id",
  });
}

/** Ends when the reader goes. */
async function* messagesFrom(
  actors: Actors,
  id: string,
  first: number,
): AsyncGenerator<string, undefined, undefined> {
  let from = first;
  /** Whether the actor has just said that there is something to read. */
  let hadNews = false;
  for (;;) {
    const query = { from, to: null, types: [], limit: CHAIN_PAGE_DEFAULT };
    const { entries, next } = valueOf(await actors.chain(id, query));
    if (entries.length > 0) yield entries.map(messageOf).join("");
    from = next ?? Math.max(from, (entries.at(-1)?.seq ?? -1) + 1);
    if (next !== null) continue;
    const head = valueOf(await actors.follow(id, from - 1, WAIT_MS));
    if (head.seq >= from && entries.length === 0 && hadNews) {
      throw new TheaterError("chain-gap", `Event ${from} cannot be read: try again later.`);
    }
    hadNews = head.seq >= from;
    if (head.seq < from) yield ": nothing new\n\n";
  }
}

const messageOf = (entry: ChainEntry): string => `id: ${entry.seq}\ndata: ${toLine(entry)}\n\n`;

export const followRoutes: readonly Route[] = [follow];
