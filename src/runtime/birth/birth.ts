// The birth of an actor: one transaction that makes its tables and its first three events. The first
// message, init, is admitted in it like any other, so a crash right after the birth loses nothing.

import type { Cause } from "../../chain/event-types.ts";
import { sha256 } from "../../chain/hash.ts";
import type { Value } from "../../chain/value.ts";
import { toHex } from "../../lib/bytes.ts";
import { ALARM_MS } from "../alarm.ts";
import { CHILD_TABLES } from "../children/child-rows.ts";
import { hasFamily } from "../children/family.ts";
import { readGenesis } from "./genesis.ts";
import { checkNotCalledOff } from "./stillborn.ts";
import { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import { Journal } from "../record/journal.ts";
import { Mailbox } from "../mail/mailbox.ts";
import { FILE_TABLES } from "../files/file-tree.ts";
import type { BirthInput } from "../protocol.ts";
import { TABLES } from "../tables.ts";

/** Throws what storage throws, and `wrong-state` where the birth was called off; nothing is stored then. */
export async function bear(
  storage: DurableObjectStorage,
  id: string,
  { genesis, initState, createdMs, incarnation = 0, asIs = false }: BirthInput,
  { content, shard }: { content: Blocks; shard: number },
): Promise<void> {
  const params: Value = [initState === null ? null : [initState], [id]];
  await content.keep(params, () => {
    // While the store took its time, a repetition of this call may have come through.
    const tables = "SELECT 1 FROM sqlite_master WHERE name = 'event'";
    if (storage.sql.exec(tables).toArray().length > 0) return;
    write(storage, { id, genesis, params, createdMs, shard, incarnation, asIs });
  });
}

function write(
  storage: DurableObjectStorage,
  born: Required<Omit<BirthInput, "initState">> & { id: string; params: Value; shard: number },
): void {
  const { id, genesis, params, createdMs, shard } = born;
  const about = readGenesis(genesis); // not as anyone says it
  const { parent, origin, permissions } = about;
  const journal = new Journal(storage, id);
  journal.transaction(() => {
    checkNotCalledOff(storage.sql, born.incarnation);
    storage.sql.exec(TABLES);
    if (hasFamily(about)) storage.sql.exec(CHILD_TABLES);
    if ("filesystem" in permissions.held) storage.sql.exec(FILE_TABLES);
    journal.appendGenesis({ block: genesis, digest: sha256(genesis) });
    const cell = new Cell(storage.sql);
    const [given, rest] = params as readonly [readonly [Uint8Array] | null, Value];
    const state = born.asIs ? (given ?? []) : null;
    const reason = origin === null ? "created" : "forked";
    const started = { reason, attempt: 1, by: null, state };
    journal.append({ type: "actor.started", about: "", turn: 0, fields: started });
    if (born.asIs) {
      cell.setState(given === null ? null : given[0]);
      cell.set("begun", true);
    } else {
      new Mailbox(storage.sql).admit(appendInit(journal, parent, [given, rest]));
    }
    cell.set("status", "running");
    cell.set("createdMs", createdMs);
    cell.set("parent", parent?.actor ?? null);
    cell.set("shard", shard);
    cell.set("acknowledged", -1);
    if (born.incarnation > 0) cell.set("incarnation", born.incarnation);
    // Whoever asked for the birth sees to the first turn; this is for an object that dies before it.
    void storage.setAlarm(Date.now() + ALARM_MS);
  });
}

/** The first message; returns its seq. */
function appendInit(journal: Journal, parent: Cause | null, params: Value): number {
  const random = crypto.getRandomValues(new Uint8Array(48));
  const fields = {
    id: toHex(random.subarray(0, 16)),
    kind: "lifecycle",
    from: parent?.actor ?? null,
    cause: parent,
    params,
    seed: random.slice(16),
  } as const;
  return journal.append({ type: "message.received", about: "lifecycle", turn: 0, fields }).seq;
}
