// `theater state`: an actor's state, of now or after an event, or in what two of them differ.

import { actorPath } from "./actors.ts";
import { ask, eventOf, type Connection } from "./client.ts";
import type { Context } from "./context.ts";
import { showBytes } from "./output.ts";
import { diffStates, diffText } from "./state-diff.ts";

export interface StateOptions {
  at?: number;
  diff?: number;
}

export interface FetchedState {
  /** Null: none. */
  state: Uint8Array | null;
  /** The event that recorded it; null for the present one, and where it was none from the beginning. */
  event: { seq: number; cid: string } | null;
}

/** Throws `erased` and `not-found` as the server says it. */
export async function fetchState(
  connection: Connection,
  id: string,
  at: number | undefined,
): Promise<FetchedState> {
  const query = at === undefined ? "" : `?at=${at}`;
  const response = await ask(connection, "GET", `${actorPath(id)}/state${query}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { state: response.status === 204 ? null : bytes, event: eventOf(response) };
}

export async function state(
  { connection, output }: Context,
  id: string,
  { at, diff }: StateOptions,
): Promise<void> {
  const { state: shown, event } = await fetchState(connection, id, at);
  if (diff !== undefined) {
    const before = await fetchState(connection, id, diff);
    const found = diffStates(before.state, shown);
    output.show({ from: diff, to: at ?? null, ...found }, () => diffText(found));
    return;
  }
  if (shown === null) {
    output.note(at === undefined ? "the actor has no state" : `there was no state at event ${at}`);
    const where = at === undefined ? {} : { event };
    if (output.isJson) output.show({ state: null, ...where }, () => "");
    return;
  }
  if (event !== null) output.note(`recorded by event ${event.seq}:${event.cid}`);
  showBytes(output, "state", shown, at === undefined ? {} : { event });
}
