// Where a fork leaves this actor's chain, as the actor knows it: everything that whoever gives birth to the fork has
// to know of it.

import { TheaterError } from "../../lib/errors.ts";
import type { ForkPoint } from "../protocol.ts";
import type { Journal } from "../record/journal.ts";
import type { Upkeep } from "../upkeep.ts";
import type { Past } from "./past.ts";

interface Origin {
  journal: Journal;
  past: Past;
  upkeep: Upkeep;
  parentage(): { genesis: Uint8Array };
}

/** See `ActorRpc.forkPoint`. Throws `unavailable` where the ledger does not answer: a fork links to what is in it. */
export async function forkPointOf(origin: Origin, at: number): Promise<ForkPoint> {
  const { journal, past, upkeep } = origin;
  if (upkeep.feeder.isForked) {
    const message = "The ledger holds another history of this actor: neither is forked.";
    throw new TheaterError("chain-fork", message);
  }
  await past.requireBetween(at);
  await past.requireBegun(at);
  const { state } = await past.stateAt(at);
  const { cid: event } = await past.entry(at);
  const { size, root } = await upkeep.notary.mark();
  if (size <= at) {
    const message = "The ledger does not hold the event yet: try again.";
    throw new TheaterError("unavailable", message, { seq: at, size });
  }
  const [upgrade] = journal.entriesBack({ from: 0, to: at }, ["actor.upgraded"], 1);
  const upgraded = upgrade?.payload.block ?? null;
  return { genesis: origin.parentage().genesis, upgraded, event, size, root, state };
}
