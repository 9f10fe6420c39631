// What an actor's object tells of itself to whoever prepares an upgrade.

import { Link } from "../../chain/value.ts";
import { ensureTheaterError } from "../../lib/errors.ts";
import { cursorOf } from "../../replay/place.ts";
import type { MessageKey } from "../mail/idempotency.ts";
import type { Past } from "../past/past.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { RehearsalMark, UpgradePurpose, UpgradeView } from "./upgrade-input.ts";
import type { Upgrading } from "./upgrading.ts";
import type { CurrentVersion } from "./version.ts";

interface ViewParts {
  journal: Journal;
  history: History;
  past: Past;
  version: CurrentVersion;
  upgrading: Upgrading;
  /** Blocks of the payloads that say what runs. */
  parentage(): { genesis: Uint8Array; upgrade: Uint8Array | null };
}

/** Upgrades that are looked at for the newest migration. */
const UPGRADES_MAX = 1_000;

/** Throws `key-reused`, `wrong-state` for an actor that is not upgraded, and for a rollback what `stateBack` throws. */
export async function upgradeView(
  life: ViewParts,
  key: MessageKey | null,
  purpose: UpgradePurpose,
): Promise<UpgradeView> {
  const { journal, history, version, upgrading } = life;
  const { genesis, upgrade } = life.parentage();
  const done = upgrading.known(key);
  if (done === null && purpose !== "look") upgrading.requireUpgradable();
  return {
    genesis,
    upgrade,
    version: version.now.seq,
    head: journal.head.seq,
    migrated: done === null ? await newestMigration(journal, history) : null,
    mark: upgrading.mark,
    back: purpose === "rollback" && done === null ? await upgrading.stateBack() : null,
    done,
  };
}

async function newestMigration(journal: Journal, history: History): Promise<number | null> {
  const range = { from: 0, to: journal.head.seq };
  for (const { seq } of journal.entriesBack(range, ["actor.upgraded"], UPGRADES_MAX)) {
    const [next] = await history.entries(seq + 1, 1);
    if (next?.type === "actor.migrated") return next.seq;
  }
  return null;
}

/** Where a rehearsal from event `from` on begins: there, or at the beginning of the turn that the event is in. */
export async function rehearsalStart(
  { journal, past }: Pick<ViewParts, "journal" | "past">,
  from: number,
): Promise<Pick<RehearsalMark, "from" | "at">> {
  const seq = await turnStart(past, Math.min(from, journal.head.seq + 1));
  if (seq === 0) return { from: 0, at: null };
  const before = await past.entry(seq - 1);
  const [upgrade] = journal.entriesBack({ from: 0, to: seq - 1 }, ["actor.upgraded"], 1);
  const place = {
    seq,
    stateSeq: await stateSeq(past, seq - 1),
    componentSeq: upgrade?.seq ?? 0,
    parent: new Link("dag-cbor", before.cid),
  };
  return { from: seq, at: cursorOf(place) };
}

async function turnStart(past: Past, seq: number): Promise<number> {
  if (seq === 0) return 0;
  const turn = await past.turnBy(seq - 1);
  if (turn === 0) return seq;
  const { from, to, end } = await past.turn(turn);
  return end !== null && to < seq ? seq : from;
}

/** Where it is erased, the replay finds that out too, and says so of the turns that need it. */
async function stateSeq(past: Past, at: number): Promise<number | null> {
  try {
    return (await past.stateAt(at)).event?.seq ?? null;
  } catch (thrown) {
    const { code, evidence } = ensureTheaterError(thrown);
    if (code === "erased" && typeof evidence?.["seq"] === "number") return evidence["seq"];
    throw thrown;
  }
}
