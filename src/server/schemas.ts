// The shapes of JSON that cross HTTP. `satisfies` ties each to the runtime's type, so that the document
// cannot promise what is not sent.

import { z } from "zod";
import { isActorId } from "../chain/actor-id.ts";
import { parseDigest } from "../chain/cid.ts";
import type { ErrorCode } from "../lib/errors.ts";
import type { ActorListing, ComponentSummary, Forked, TreeNode } from "../runtime/actors.ts";
import type {
  ActorStatus,
  ActorSummary,
  Erasure,
  EventRef,
  Reverted,
  TurnPlace,
} from "../runtime/protocol.ts";
import { MANIFEST_BYTES_MAX, REASON_CHARS_MAX } from "./limits.ts";
import type { UpgradeReport } from "../runtime/upgrade/upgrades.ts";
import { PROBLEM_KINDS } from "./problem.ts";

const cid = z.string().describe("CIDv1 in base32.");
const digest = z.string().describe("`sha256:` and 64 hex digits.");
export const count = z.int().min(0);
const milliseconds = count.describe("Milliseconds since 1970.");
const base64 = z.base64();

export const actorId = z
  .string()
  .refine(isActorId, "expected an actor's id, 32 characters")
  .describe("An actor's id.");

export const actorStatus = z.enum([
  "running",
  "paused",
  "stopped",
  "failed",
  "deleted",
]) satisfies z.ZodType<ActorStatus>;

export const reason = z
  .string()
  .trim()
  .min(1, "expected a reason")
  .max(REASON_CHARS_MAX, `expected at most ${REASON_CHARS_MAX} characters`)
  .refine((text) => text.isWellFormed(), "half of a surrogate pair is no text")
  .describe("Recorded in the chain and never erased: name no person in it.");

export const eventRef = z.object({ seq: count, cid }) satisfies z.ZodType<EventRef>;

export const problemBody = z.object({
  type: z.string().describe("Where this document describes the code."),
  title: z.string(),
  status: count,
  code: z.enum(Object.keys(PROBLEM_KINDS) as [ErrorCode, ...ErrorCode[]]),
  detail: z.string().describe("What to do about it; for `guest-error`, what the actor said."),
  evidence: z.record(z.string(), z.unknown()).optional(),
  event: eventRef.optional().describe("Where the chain records it."),
});

export const component = z.object({
  component: digest,
  bytes: count,
  imports: z.array(z.string()),
  exports: z.array(z.string()),
  actor: z.object({ ready: z.boolean(), lacks: z.array(z.string()) }),
  modules: z.string(),
}) satisfies z.ZodType<ComponentSummary>;

export const startBody = z.strictObject({
  manifest: z.union(
    [z.string(), z.record(z.string(), z.unknown())],
    `expected TOML text or an object, at most ${MANIFEST_BYTES_MAX} bytes`,
  ),
  initState: base64.nullish().describe("Overrides the manifest's `init_state`."),
  variables: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe("What `{{…}}` in the manifest names."),
  parent: actorId.nullish().describe("It gets no more than this actor lets its children have."),
});

export const started = z.object({
  id: actorId,
  name: z.string(),
  component: digest,
  head: eventRef,
});

const actorListing = z.object({
  id: actorId,
  name: z.string(),
  component: digest,
  status: z.string(),
  parent: actorId.nullable(),
  createdMs: milliseconds,
}) satisfies z.ZodType<ActorListing>;

export const actorPage = z.object({
  actors: z.array(actorListing),
  cursor: z.string().nullable().describe("For the next page; null on the last."),
});

export const actorSummary = z.object({
  id: actorId,
  name: z.string(),
  component: digest,
  manifest: z.string(),
  status: actorStatus,
  parent: actorId.nullable(),
  handlers: z.array(z.string()).readonly().describe("What it is granted."),
  origin: z
    .object({ actor: actorId, seq: count })
    .nullable()
    .describe("Of a fork: the actor and the event that it goes on from."),
  head: eventRef,
  ledgerSeq: z.int().min(-1).describe("The highest seq in the ledger; -1 before the first."),
  turns: count,
  mailbox: count.describe("Messages that wait for their turn."),
  stateBytes: count.nullable(),
  createdMs: milliseconds,
}) satisfies z.ZodType<ActorSummary>;

/** Of an actor as its supervisor knows it. */
const relative = z.object({
  id: actorId.nullable().describe("Null for a child that was not born yet."),
  name: z.string(),
  child: z.string().nullable().describe("Its name under its supervisor; null at the root."),
  status: z
    .string()
    .describe("Its own, or `waiting` and `restarting` while its supervisor starts it again."),
  incarnation: count.nullable().describe("The number of the decision that started it."),
  starts: count,
  lastExit: z.string().nullable().describe("Why it last ended."),
  strategy: z.string().nullable().describe("Null for an actor that supervises nothing."),
  more: z.boolean().describe("Whether it has children that are not here."),
});

export const children = z.object({ children: z.array(relative) });

export const treeNode: z.ZodType<TreeNode> = relative.extend({
  get children(): z.ZodType<TreeNode[]> {
    return z.array(treeNode);
  },
});

export const changed = z.object({ status: z.string(), event: eventRef });
export const accepted = z.object({ event: eventRef });

export const chainEvent = z.object({
  seq: count,
  cid,
  block: base64.describe("The event's DAG-CBOR bytes, exactly what was hashed."),
  payload: base64.nullable().describe("The payload block; null where it was erased."),
  event: z.unknown().describe("Decoded, for people; never needed to verify."),
});

export const erasure = z.object({
  event: eventRef.describe("The `payload.erased`."),
  complete: z
    .boolean()
    .describe("Whether the bytes are gone from D1 and R2 too; else the actor goes on until so."),
}) satisfies z.ZodType<Erasure>;

export const chainPage = z.object({
  events: z.array(chainEvent),
  cursor: z.string().nullable().describe("For the next page; null at the head or at `to`."),
});

export const comparison = z.object({
  actor: z.string(),
  head: eventRef,
  events: count.describe("How many events were compared."),
  findings: z.array(
    z.object({
      seq: count,
      where: z.enum(["ledger", "archive", "journal"]),
      what: z.string(),
    }),
  ),
  more: z.boolean().describe("Whether there are more findings than are listed."),
});

export const report = z.object({
  verdict: z.enum(["verified", "broken"]),
  actor: z.string().nullable(),
  events: count.describe("How many events are good."),
  head: eventRef.nullable().describe("The last good event."),
  erased: z.array(count).describe("Positions without a payload, as a `payload.erased` event says."),
  withheld: z.array(count).describe("Positions without a payload and without such an event."),
  firstBad: z
    .object({
      seq: count,
      problem: z.string(),
      sentence: z.string(),
      expected: z.string().nullable(),
      found: z.string().nullable(),
    })
    .nullable(),
});

const replaySide = z
  .object({
    type: z.string(),
    about: z.string(),
    wit: z.string().nullable().describe("The function's type, for a host call."),
    fields: z.unknown(),
  })
  .nullable();

const turnCounts = z.object({
  agreed: count,
  cut: count.describe("Ended by something outside the guest; they agreed up to there."),
  erased: count.describe("Not run: something they need was erased."),
});

export const replayReport = z.object({
  actor: z.string(),
  verdict: z.enum(["verified", "diverged", "broken"]),
  turns: turnCounts.extend({
    foreign: count.describe("Not run: they were shown another chain, which is not at hand."),
  }),
  erasedTurns: z.array(count).describe("Which turns those were; at most 1,000 are named."),
  difference: z
    .object({
      seq: count,
      turn: count,
      expected: replaySide,
      found: replaySide,
      likely: z.enum([
        "component-differs",
        "transpiler-differs",
        "host-result-missing",
        "non-deterministic-guest",
        "tampered-record",
      ]),
      rule: z
        .string()
        .nullable()
        .describe("The rule of every chain that the event breaks; null where the guest differs."),
    })
    .nullable(),
  ran: z
    .object({
      component: digest,
      modules: digest,
      recorded: z.object({ component: digest, modules: digest }),
    })
    .nullable()
    .describe("What ran the newest turn, and what the chain names."),
  chain: report,
  next: z.string().nullable().describe("The `cursor` of the call that goes on; null at the end."),
});

export const turnPlace = z.object({
  turn: count,
  message: count
    .nullable()
    .describe("Seq of its message, which may have come long before; null where that was erased."),
  from: count.describe("Its first event. Up to its last there may be events of no turn."),
  to: count.describe("Its last event so far."),
  end: z
    .enum(["turn.committed", "turn.refused", "turn.failed"])
    .nullable()
    .describe("Null while it is open."),
}) satisfies z.ZodType<TurnPlace>;

export const forked = started.extend({
  origin: z.object({ actor: actorId, seq: count }).describe("What it goes on from."),
}) satisfies z.ZodType<Forked>;

export const reverted = z.object({
  event: eventRef.describe("The `actor.reverted`."),
  toSeq: count.describe("The event after which the actor had the state that it has again."),
  stateBytes: count.nullable(),
}) satisfies z.ZodType<Reverted>;

export const upgradeReport = z.object({
  actor: actorId,
  component: digest,
  status: z.enum(["upgraded", "rehearsing"]),
  event: eventRef.nullable().describe("The `actor.upgraded`; null while it is rehearsed."),
  rehearsal: z.object({
    from: count.describe("The first event that was compared."),
    to: z.int().min(-1).describe("The last one; less than `from` before the first."),
    turns: turnCounts,
    verdict: z.enum(["agreed", "diverged"]),
  }),
  accepted: z
    .object({ by: z.string(), reason: z.string(), seq: count })
    .nullable()
    .describe("Who wanted the version although it differs, why, and from which event on."),
  head: count.describe("The newest event: what is behind `to` has still to be compared."),
}) satisfies z.ZodType<UpgradeReport>;

export const stored = z.object({ cid, digest });
export const labelBody = z.strictObject({
  digest: z
    .string()
    .refine((text) => parseDigest(text) !== undefined, "expected `sha256:` and 64 hex digits")
    .describe("The content's digest."),
});
export const labels = z.object({ labels: z.array(z.string()) });

export const health = z.object({
  ok: z.boolean(),
  ledger: z.boolean().describe("D1 answers."),
  content: z.boolean().describe("R2 answers."),
  loader: z.boolean().describe("The Worker Loader starts isolates with WebAssembly."),
  bundled: z
    .array(z.string())
    .describe("The components that are bundled with the Worker; without a Loader only they run."),
});
