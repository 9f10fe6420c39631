// The replay of a whole tree, behind the route that replays one actor: its report, and its cursor, which says where
// every actor is and what is under way between them, and so comes in the body.

import { z } from "zod";
import { jsonBody, readBody } from "./input.ts";
import type { Call } from "./route.ts";
import { actorId, count, replayReport } from "./schemas.ts";

/** A hundred actors, with what is under way between them. */
const CURSOR_BYTES_MAX = 8 * 1024 * 1024;

const cursorBody = z.strictObject({ cursor: z.string().nullable() });

const mismatch = z.object({
  kind: z.enum(["message", "reply", "birth", "exit", "timer"]),
  actor: actorId,
  seq: count.describe("The event that claims something of another chain."),
  rule: z.string().describe("What does not fit."),
  found: z.unknown().describe("What that event says."),
  other: z.object({
    actor: actorId,
    seq: count.nullable(),
    said: z.unknown().describe("What the other chain has there."),
  }),
});

export const treeReport = z.object({
  root: actorId,
  verdict: z.enum(["verified", "mismatched", "diverged", "broken"]),
  actors: z.array(replayReport.omit({ next: true })),
  links: z.object({
    matched: count,
    outside: count.describe("The other end is no actor of the tree."),
    erased: count.describe("What it takes to compare was erased."),
    unchecked: count.describe("The other end is behind where its own chain is wrong, or newer."),
    pending: count.describe("Sent, and not received up to where the receiver's chain was read."),
  }),
  mismatches: z.array(mismatch).describe("Causes before effects; at most 100."),
  more: z.boolean().describe("Whether actors were left out: one replay takes 100."),
  next: z.string().nullable().describe("The `cursor` of the call that goes on; null at the end."),
});

/** Null where there is no body: from the beginning. */
export async function readTreeCursor(call: Call): Promise<string | null> {
  const bytes = await readBody(call.request, { name: "cursor", bytesMax: CURSOR_BYTES_MAX });
  return bytes.length === 0 ? null : jsonBody(bytes, cursorBody).cursor;
}
