// Whether a revert restores what it says: the state that it holds is the one that was recorded last by the event that
// it names. No guest has to be asked for that.

import { decodeEvent } from "../chain/event.ts";
import { decodePayload } from "../chain/payload.ts";
import { isSameState, stateSaid, type RecordedState } from "../chain/recorded-state.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import type { ReplaySource } from "./source.ts";
import type { EarlierEvent } from "./turns.ts";

/** Events of one reading backwards: a state is seldom far from an event. */
const WINDOW = 256;

/** The rule that an `actor.reverted` breaks, as a sentence; undefined for one that is as it must be, or erased. */
export async function revertRule(
  { seq, payload }: RecordedEvent,
  { source, earlier }: { source: Pick<ReplaySource, "pages">; earlier: EarlierEvent },
): Promise<string | undefined> {
  if (payload === null) return undefined;
  const { toSeq, state } = decodePayload("actor.reverted", payload);
  if (toSeq >= seq) return "It goes back to an event that is not before it.";
  const then = await stateAt(toSeq, source, earlier);
  if (then === "erased" || isSameState(then, (state[0] ?? null) as RecordedState)) return undefined;
  return `The state that it restores is not the one after event ${toSeq}.`;
}

async function stateAt(
  at: number,
  source: Pick<ReplaySource, "pages">,
  earlier: EarlierEvent,
): Promise<RecordedState | "erased"> {
  for (let to = at; to >= 0; to -= WINDOW) {
    let holder: number | undefined;
    for await (const page of source.pages(Math.max(0, to - WINDOW + 1), to)) {
      for (const { seq, block, payload } of page) {
        if (stateSaid({ type: decodeEvent(block).type, payload }) !== undefined) holder = seq;
      }
    }
    if (holder === undefined) continue;
    const event = await earlier(holder);
    const said = event && stateSaid(event);
    return said === undefined || said === "erased" ? "erased" : said.state;
  }
  return null;
}
