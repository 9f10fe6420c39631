// Where a replay can go on: between two turns. As a text it is the cursor of a report.

import { cidText, parseCid } from "../chain/cid.ts";
import { Link } from "../chain/value.ts";

interface Place {
  /** The first event that has not been looked at. */
  seq: number;
  /** The event that recorded the state at that point; null: there was none before. */
  stateSeq: number | null;
  /** The event that put the component of that point in force. */
  componentSeq: number;
}

/** `parent`: the CID of the event before; null before the genesis. */
export type Reached = Place & { parent: string | Link | null };

export function cursorOf({ seq, stateSeq, componentSeq, parent }: Reached): string | null {
  if (parent === null) return null;
  const cid = parent instanceof Link ? cidText(parent) : parent;
  return [seq, cid, stateSeq ?? "-", componentSeq].join(".");
}

/** What `cursorOf` made, with the bare digest of the event before. */
export function readCursor(cursor: string): Place & { parent: Uint8Array } {
  const [seq = "", parent = "", state = "", component = ""] = cursor.split(".");
  return {
    seq: Number(seq),
    parent: parseCid(parent).digest,
    stateSeq: state === "-" ? null : Number(state),
    componentSeq: Number(component),
  };
}
