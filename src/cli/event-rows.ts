// One event as one line for people. It is decoded here, from the bytes that are hashed, and not taken from
// the server's own rendering.

import { decodeEvent } from "../chain/event.ts";
import type { Line } from "../chain/ndjson.ts";
import { decodePayload } from "../chain/payload.ts";
import type { Value } from "../chain/value.ts";
import { TheaterError } from "../lib/errors.ts";
import { printable, shortCid, tableLines, timeText } from "./output.ts";
import { cut, valueText } from "./value-text.ts";

const COLUMNS = [
  { title: "seq", align: "right", width: 5 },
  { title: "time", width: 19 },
  { title: "turn", align: "right", width: 4 },
  { title: "type", width: 19 },
  { title: "about", width: 28 },
  { title: "cid", width: 8 },
  { title: "payload", width: 0 },
] as const;
const WIDTHS = COLUMNS.map(({ width }) => width);

/** Of the payload; what is longer is for `--json`. */
const SUMMARY_CHARS_MAX = 72;
/** Of one value in it, so that the first does not hide the others. */
const VALUE_CHARS_MAX = 28;

export function eventColumns(): string {
  return tableLines(COLUMNS, [], WIDTHS).join("");
}

export function eventRow(line: Line): string {
  const cells = eventCells(line);
  return tableLines(COLUMNS, [cells], WIDTHS).at(-1) ?? "";
}

function eventCells({ seq, cid, block, payload }: Line): string[] {
  try {
    const { time, turn, type, about } = decodeEvent(block);
    const summary = payload === null ? "(no payload)" : summaryOf(decodePayload(type, payload));
    return [
      String(seq),
      timeText(time),
      String(turn),
      type,
      about,
      shortCid(printable(cid)),
      summary,
    ];
  } catch (thrown) {
    if (!(thrown instanceof TheaterError)) throw thrown;
    return [String(seq), "", "", "(not an event)", "", shortCid(printable(cid)), thrown.message];
  }
}

/** Random bytes, and what the columns say already. */
const HIDDEN: ReadonlySet<string> = new Set(["salt", "seed", "kind", "id"]);

/** What is short and says most. */
const FIRST: ReadonlySet<string> = new Set(["toSeq"]);

/** The sentence that was written for people, if there is one; then "key=value" for each other field that says something. */
function summaryOf({ reason, ...payload }: { readonly [field: string]: Value }): string {
  const parts = Object.entries(payload)
    .toSorted(([one], [other]) => Number(FIRST.has(other)) - Number(FIRST.has(one)))
    .filter(([name, value]) => !HIDDEN.has(name) && !isEmpty(value))
    .map(([name, value]) => `${name}=${cut(valueText(value), VALUE_CHARS_MAX)}`);
  const why = typeof reason === "string" && reason !== "" ? [printable(reason)] : [];
  return cut([...why, ...parts].join(" "), SUMMARY_CHARS_MAX);
}

function isEmpty(value: Value): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}
