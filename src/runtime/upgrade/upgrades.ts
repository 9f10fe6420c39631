// Upgrades as they are asked for: works out the version that is wanted, rehearses the history with it part by part,
// and has the actor's object put it in force once all of it agrees, or the difference is accepted.
//
// One call rehearses for a bounded time. How far it came is kept in the object: the next call goes on there.

import { digestText } from "../../chain/cid.ts";
import { sha256 } from "../../chain/hash.ts";
import { concat, fromUtf8, toHex } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { ReplayReport } from "../../replay/report.ts";
import { reached, settled } from "../answers.ts";
import { runtimeNow } from "../birth/genesis.ts";
import { messageKey } from "../mail/idempotency.ts";
import type { ActorRpc, EventRef } from "../protocol.ts";
import { differs } from "./rehearsal-differs.ts";
import { rehearsePart, type RehearsalParts } from "./rehearse-part.ts";
import {
  findTarget,
  previousManifest,
  requireOther,
  versionOf,
  type Target,
  type TargetParts,
  type Wanted,
} from "./target.ts";
import {
  rehearsedBy,
  type Acceptance,
  type RehearsalMark,
  type Rehearsed,
  type UpgradeInput,
  type UpgradeView,
} from "./upgrade-input.ts";

export interface UpgradeRequest extends Wanted {
  /** Back to the version before the one in force; nothing else says what is wanted then. */
  rollback: boolean;
  /** Why a version that differs is wanted all the same; null: it is not. */
  accept: string | null;
  /** Where the rehearsal begins: an event, or a time, ms since the epoch. Null: where the states' form does. */
  from: number | null;
  since: number | null;
  principal: string;
  /** Idempotency-Key, and the body that it came with. */
  key: string | null;
  body: Uint8Array;
}

export interface RehearsalRequest extends Pick<UpgradeRequest, "from" | "since"> {
  /** A reference. */
  component: string;
  /** `next` of an earlier report. */
  cursor: string | null;
}

export interface UpgradeReport {
  actor: string;
  /** "sha256:<hex>" of what was asked for. */
  component: string;
  /** rehearsing: ask the same once more, to go on. */
  status: "upgraded" | "rehearsing";
  /** The `actor.upgraded`; null while it is rehearsed. */
  event: EventRef | null;
  rehearsal: Rehearsed;
  accepted: Acceptance | null;
  /** The newest event: what is behind `rehearsal.to` has still to be compared. */
  head: number;
}

/** How long one call rehearses. */
export const REHEARSAL_MS = 10_000;
const NONE = { agreed: 0, cut: 0, erased: 0 };

type UpgradesParts = TargetParts & RehearsalParts & { runMs: number };

interface Going {
  asked: UpgradeRequest;
  view: UpgradeView;
  target: Target;
  mark: RehearsalMark;
  input: Omit<UpgradeInput, "mark" | "accepted">;
}

export class Upgrades {
  readonly #parts: UpgradesParts;

  constructor(parts: UpgradesParts) {
    this.#parts = parts;
  }

  /** Throws what is wrong with the version, `rehearsal-differs`, what became of a migration, and `wrong-state`. */
  async upgrade(id: string, asked: UpgradeRequest): Promise<UpgradeReport> {
    const actor = this.#parts.actor(id);
    const { principal, key, rollback } = asked;
    const purpose = rollback ? "rollback" : "upgrade";
    const keyed = key === null ? null : messageKey({ principal, key }, asked.body);
    const view = settled(await reached(() => actor.upgradeView(keyed, purpose)));
    if (view.done !== null) {
      const { event, rehearsal, accepted, component } = view.done;
      const told = { component: digestText(component), event, rehearsal, accepted };
      return { actor: id, status: "upgraded", ...told, head: view.head };
    }
    const target = await this.#target(id, view, asked);
    requireOther(versionOf(view), target);
    const from = await this.#begin(id, view, asked);
    const plan = planOf(target, [view.version, from, Number(rollback)]);
    const mark = view.mark?.plan === plan ? view.mark : await begun(actor, plan, from);
    const input = {
      version: target.version,
      runtime: runtimeNow(),
      replaces: view.version,
      by: principal,
      key: keyed,
      isRollback: rollback,
    };
    return await this.#run(id, { asked, view, target, mark, input });
  }

  /**
   * What a rehearsal would say, and nothing else: one part of it, from `cursor` or from the beginning that the upgrade
   * would have. Throws what is wrong with the version.
   */
  async rehearse(id: string, asked: RehearsalRequest): Promise<ReplayReport> {
    const actor = this.#parts.actor(id);
    const { component, cursor, from, since } = asked;
    const view = settled(await reached(() => actor.upgradeView(null, "look")));
    const wanted = { component, manifest: null, variables: {} };
    const target = await findTarget(view, wanted, this.#parts);
    const begin = await this.#begin(id, view, { rollback: false, from, since });
    const mark =
      cursor === null
        ? await begun(actor, "", begin)
        : { plan: "", from: begin, at: cursor, turns: NONE };
    const part = { target, back: null, mark, runMs: this.#parts.runMs };
    return (await rehearsePart(this.#parts, id, part)).report;
  }

  async #run(id: string, { asked, view, target, mark, input }: Going): Promise<UpgradeReport> {
    const actor = this.#parts.actor(id);
    const deadline = Date.now() + this.#parts.runMs;
    const component = digestText(target.version.component);
    for (let at = mark; ;) {
      const part = await rehearsePart(this.#parts, id, {
        target,
        back: view.back,
        mark: at,
        runMs: deadline - Date.now(),
      });
      at = part.mark;
      const { head, difference } = part;
      settled(await reached(() => actor.noteRehearsal(part.mark)));
      if (difference !== null && asked.accept === null) throw differs(at, difference);
      const accepted = accept(asked, difference);
      if (part.isOver || accepted !== null) {
        const given = { ...input, mark: at, accepted };
        const answer = settled(await reached(() => actor.upgrade(given)));
        if ("upgraded" in answer) {
          const { event, rehearsal } = answer.upgraded;
          return { actor: id, component, status: "upgraded", event, rehearsal, accepted, head };
        }
        at = answer.behind; // more has happened than the object rehearses itself
      }
      if (Date.now() < deadline) continue;
      const rehearsal = rehearsedBy(at, null);
      const going = { status: "rehearsing", event: null, rehearsal, accepted: null } as const;
      return { actor: id, component, ...going, head };
    }
  }

  async #target(id: string, view: UpgradeView, asked: UpgradeRequest): Promise<Target> {
    if (asked.rollback) {
      const manifest = await previousManifest(id, view, this.#parts);
      return await findTarget(view, { component: null, manifest, variables: {} }, this.#parts);
    }
    if (asked.component !== null || asked.manifest !== null) {
      return await findTarget(view, asked, this.#parts);
    }
    throw new TheaterError("bad-request", "Say what is to run: component, manifest or rollback.");
  }

  /**
   * The first event of the rehearsal. By default the first of the form that states have now; what ran before it has
   * no bearing on what a component that reads this form does. A rollback looks only at what it takes back.
   */
  async #begin(
    id: string,
    view: UpgradeView,
    asked: Pick<UpgradeRequest, "rollback" | "from" | "since">,
  ): Promise<number> {
    const least = asked.rollback ? view.version + 1 : 0;
    if (asked.from !== null) return Math.max(asked.from, least);
    if (asked.since !== null) return Math.max(await this.#seqAt(id, asked.since), least);
    return asked.rollback || view.migrated === null ? least : view.migrated + 1;
  }

  /** The first event that is not before that time. */
  async #seqAt(id: string, since: number): Promise<number> {
    const { audit } = this.#parts;
    for (let from: number | null = 0; from !== null;) {
      const range = { from, to: null, types: [], since, limit: 1 };
      const page: Awaited<ReturnType<typeof audit.page>> = await audit.page(id, range);
      const [entry] = page.entries;
      if (entry !== undefined) return entry.seq;
      from = page.next;
    }
    return (await audit.head(id)).seq + 1;
  }
}

async function begun(actor: ActorRpc, plan: string, from: number): Promise<RehearsalMark> {
  const start = settled(await reached(() => actor.rehearsalStart(from)));
  return { plan, ...start, turns: NONE };
}

function accept(
  { accept: reason, principal: by }: UpgradeRequest,
  difference: { seq: number } | null,
): Acceptance | null {
  return difference === null || reason === null ? null : { by, reason, seq: difference.seq };
}

/** Another version, another one in force or another beginning is another rehearsal. */
function planOf({ version }: Target, others: readonly number[]): string {
  const { modules, manifest } = version;
  return toHex(sha256(concat([modules, manifest, fromUtf8(JSON.stringify(others))])));
}
