// Routes of chains: read, look at one event, verify. Rule: a listing is cut only where the client can
// see it, so a page has a cursor, and a stream that cannot go on breaks off instead of ending.

import { parseAccept } from "hono/utils/accept";
import { z } from "zod";
import { EVENT_TYPES } from "../chain/event-types.ts";
import { toLine } from "../chain/ndjson.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import type { ChainQuery } from "../runtime/actors.ts";
import { pagesFrom, type Range } from "./chain-pages.ts";
import { exportCar } from "./export.ts";
import { INCLUDES } from "./export-content.ts";
import { moment, readQuery, wholeNumber } from "./input.ts";
import {
  ABOUT_CHARS_MAX,
  CHAIN_PAGE_DEFAULT,
  CHAIN_PAGE_MAX,
  EVENT_TYPES_MAX,
  REFERENCE_CHARS_MAX,
} from "./limits.ts";
import { eventHeader, problem, respond } from "./problem.ts";
import { json } from "./route.ts";
import type { Call, Route } from "./route.ts";
import { chainEvent, chainPage, comparison, eventRef, replayReport, report } from "./schemas.ts";
import { readTreeCursor, treeReport } from "./tree-replay.ts";

const JSON_TYPE = "application/json";
const NDJSON_TYPE = "application/x-ndjson";
const CAR_TYPE = "application/vnd.ipld.car";
const MEDIA_TYPES = [JSON_TYPE, NDJSON_TYPE, CAR_TYPE] as const;

/** What an event can be about, or the part of it before the `#`. */
const ABOUT = /^[A-Za-z0-9:/@.+_-]+(#[A-Za-z0-9.[\]_-]+)?$/;

/** A place between two turns: seq, parent's CID, seq of the state, seq of what put the component in force. */
const REPLAY_CURSOR = /^[0-9]{1,15}\.b[a-z2-7]{58}\.([0-9]{1,15}|-)\.[0-9]{1,15}$/;

const position = wholeNumber(0, Number.MAX_SAFE_INTEGER);

const chainQuery = z.object({
  from: position.default(0).describe("The first seq wanted."),
  to: position.optional().describe("The last seq wanted; the head by default."),
  type: z
    .array(z.enum(EVENT_TYPES))
    .max(EVENT_TYPES_MAX)
    .default([])
    .describe("Types of events to keep; all by default."),
  about: z
    .string()
    .max(ABOUT_CHARS_MAX)
    .regex(ABOUT, { error: "expected an interface, interface#function, or a message kind" })
    .optional()
    .describe(
      "Keeps events about this `interface#function`, all of an interface, or a message kind.",
    ),
  since: moment().optional().describe("Keeps what is not before this time."),
  until: moment().optional().describe("Keeps what is before this time."),
  limit: wholeNumber(1, CHAIN_PAGE_MAX)
    .optional()
    .describe(`Events at most. By default ${CHAIN_PAGE_DEFAULT} as JSON; all as NDJSON.`),
  include: z
    .string()
    .regex(new RegExp(`^(${INCLUDES.join("|")})(,(${INCLUDES.join("|")}))*$`))
    .optional()
    .describe(`For a CAR: blocks to add behind the chain, of ${INCLUDES.join(", ")}.`),
  cursor: position.optional().describe("From the page before; goes before `from`."),
});

const read: Route = {
  method: "GET",
  path: "/v1/actors/:id/chain",
  summary: "Read a chain, oldest first",
  query: chainQuery,
  success: [
    {
      status: 200,
      description: "A page as JSON; all of it as NDJSON, one event a line, or as a CAR.",
      content: { [JSON_TYPE]: chainPage, [NDJSON_TYPE]: chainEvent, [CAR_TYPE]: null },
    },
  ],
  refusals: ["unavailable", "outcome-unknown", "chain-gap", "chain-broken"],
  async serve(call) {
    const { from, to, type, limit, cursor, include, ...filter } = readQuery(call, chainQuery);
    const range = { from: cursor ?? from, to: to ?? null, types: type, ...filter };
    if (range.to !== null && range.to < range.from) {
      throw new TheaterError("bad-request", "Query parameter `to`: must not be less than `from`.", {
        parameter: "to",
      });
    }
    switch (negotiate(call)) {
      case CAR_TYPE:
        return await exportCar(call, range, include?.split(",") ?? []);
      case NDJSON_TYPE:
        return stream(call, range, limit ?? Number.POSITIVE_INFINITY);
      case JSON_TYPE:
        return page(call, { ...range, limit: limit ?? CHAIN_PAGE_DEFAULT });
    }
  },
};

/** Of the types that the client accepts, the one it likes best; JSON where it does not say. */
function negotiate({ request }: Call): (typeof MEDIA_TYPES)[number] {
  const wanted = parseAccept(request.headers.get("accept") ?? "").filter(({ q }) => q > 0);
  for (const { type } of wanted.sort((a, b) => b.q - a.q)) {
    const known = MEDIA_TYPES.find((mediaType) => mediaType === type.toLowerCase());
    if (known !== undefined) return known;
  }
  return JSON_TYPE;
}

async function page({ actors, param }: Call, query: ChainQuery): Promise<Response> {
  return respond(await actors.chain(param("id"), query), ({ entries, next }) => {
    const cursor = next === null ? null : String(next);
    const text = `{"events":[${entries.map(toLine).join(",")}],"cursor":${JSON.stringify(cursor)}}`;
    return new Response(text, { headers: { "content-type": JSON_TYPE } });
  });
}

/** The first page is read before the status line leaves, so that a refusal is still an answer of its own. */
async function stream({ actors, param }: Call, range: Range, limit: number): Promise<Response> {
  const id = param("id");
  const query = { ...range, limit: Math.min(limit, CHAIN_PAGE_DEFAULT) };
  return respond(await actors.chain(id, query), (first) => {
    const pages = pagesFrom({ actors, id, first, range, limit });
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await pages.next();
          if (done) controller.close();
          else controller.enqueue(fromUtf8(value.map((entry) => `${toLine(entry)}\n`).join("")));
        },
        async cancel() {
          await pages.return(undefined);
        },
      },
      { highWaterMark: 0 }, // Nothing is read before the client wants it: one page in memory.
    );
    return new Response(body, { headers: { "content-type": NDJSON_TYPE } });
  });
}

const head: Route = {
  method: "GET",
  path: "/v1/actors/:id/chain/head",
  summary: "Show the newest event's position and CID",
  success: [{ status: 200, description: "The head.", content: json(eventRef), event: true }],
  refusals: ["unavailable", "outcome-unknown"],
  serve: async ({ actors, param }) =>
    respond(await actors.head(param("id")), (event) =>
      Response.json(event, { headers: eventHeader(event) }),
    ),
};

const one: Route = {
  method: "GET",
  path: "/v1/actors/:id/chain/:seq{[0-9]+}",
  summary: "Read one event",
  success: [{ status: 200, description: "The event.", content: json(chainEvent), event: true }],
  refusals: ["unavailable", "outcome-unknown", "chain-gap", "chain-broken"],
  async serve({ actors, param }) {
    const seq = Number(param("seq"));
    const query = { from: seq, to: seq, types: [], limit: 1 };
    return respond(await actors.chain(param("id"), query), ({ entries: [entry] }) =>
      entry === undefined
        ? problem({ code: "not-found", message: "The chain has no such event yet: see its head." })
        : new Response(toLine(entry), {
            headers: { "content-type": JSON_TYPE, ...eventHeader(entry) },
          }),
    );
  },
};

const verify: Route = {
  method: "POST",
  path: "/v1/actors/:id/chain/verify",
  summary: "Check what the ledger holds, from genesis to head",
  success: [
    {
      status: 200,
      description: "The report, also where the chain is broken.",
      content: json(report),
    },
  ],
  refusals: ["unavailable", "outcome-unknown", "too-slow"],
  serve: async ({ actors, param }) =>
    respond(await actors.verify(param("id")), (verdict) => Response.json(verdict)),
};

const replayQuery = z.object({
  cursor: z
    .string()
    .regex(REPLAY_CURSOR, { error: "expected `next` of an earlier report" })
    .optional()
    .describe("From `next` of an earlier report: goes on from there."),
  component: z
    .string()
    .min(1)
    .max(REFERENCE_CHARS_MAX)
    .optional()
    .describe("A component that runs instead of the recorded one: `sha256:…`, `store://…`."),
  tree: z
    .enum(["true", "false"])
    .default("false")
    .describe("All actors below it too, together; `next` then goes into the body, as `cursor`."),
  from: position.optional().describe("With `component`: the first event to compare."),
  since: moment().optional().describe("With `component`: compares what is not before this time."),
});

const replay: Route = {
  method: "POST",
  path: "/v1/actors/:id/chain/replay",
  summary: "Run the recorded turns again and compare",
  query: replayQuery,
  success: [
    {
      status: 200,
      description:
        "The report, also where a turn diverged. One call runs a bounded part: see `next`.",
      content: json(z.union([replayReport, treeReport])),
    },
  ],
  refusals: [
    "unavailable",
    "outcome-unknown",
    "unsupported",
    "missing-handler",
    "not-granted",
    "unknown-import",
    "not-an-actor",
    "host-failure",
    "too-large",
  ],
  serve: async (call) => {
    const { cursor = null, component, tree, from, since } = readQuery(call, replayQuery);
    const id = call.param("id");
    if (tree === "true") {
      if ([cursor, component, from, since].some((given) => given != null)) {
        const message = "Give `tree` alone: the cursor of a tree goes into the body.";
        throw new TheaterError("bad-request", message, { parameter: "tree" });
      }
      const whole = await call.actors.replayTree(id, await readTreeCursor(call));
      return respond(whole, (report) => Response.json(report));
    }
    if (component === undefined && (from !== undefined || since !== undefined)) {
      const message = "Give `from` and `since` with a `component`: its rehearsal can begin later.";
      throw new TheaterError("bad-request", message, { parameter: "component" });
    }
    const told =
      component === undefined
        ? await call.actors.replay(id, cursor)
        : await call.actors.rehearse(id, {
            component,
            cursor,
            from: from ?? null,
            since: since ?? null,
          });
    return respond(told, (report) => Response.json(report));
  },
};

const check: Route = {
  method: "POST",
  path: "/v1/actors/:id/chain/check",
  summary: "Compare ledger, archive and journal",
  success: [
    {
      status: 200,
      description: "Where they disagree; no findings where they do not.",
      content: json(comparison),
    },
  ],
  refusals: ["unavailable", "outcome-unknown", "too-slow", "chain-fork"],
  serve: async ({ actors, param }) =>
    respond(await actors.check(param("id")), (found) => Response.json(found)),
};

export const chainRoutes: readonly Route[] = [read, head, one, verify, replay, check];
