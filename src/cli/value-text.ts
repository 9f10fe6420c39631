// A recorded value as one line for people. Rule: what came from an actor never reaches a terminal raw, and never
// fills it.

import { cidText } from "../chain/cid.ts";
import { Link, type Value } from "../chain/value.ts";
import { toHex, toUtf8 } from "../lib/bytes.ts";
import { printable, shortCid } from "./output.ts";

export interface TextLimits {
  /** Of bytes that are text; longer ones are cut. */
  textBytes: number;
  /** Of bytes that are none; of more, their number is shown. */
  hexBytes: number;
  /** Values within one another. */
  depth: number;
}

const ROW: TextLimits = { textBytes: 64, hexBytes: 12, depth: 4 };

export function valueText(value: Value, limits = ROW): string {
  if (value === null || typeof value !== "object") {
    return printable(typeof value === "string" ? JSON.stringify(value) : String(value));
  }
  if (value instanceof Uint8Array) return bytesText(value, limits);
  if (value instanceof Link) return `→${shortCid(cidText(value))}`;
  if (limits.depth === 0) return "…";
  const inner = { ...limits, depth: limits.depth - 1 };
  if (Array.isArray(value)) {
    return `[${value.map((item: Value) => valueText(item, inner)).join(", ")}]`;
  }
  const fields = Object.entries(value).map(
    ([name, field]) => `${printable(name)}: ${valueText(field, inner)}`,
  );
  return `{${fields.join(", ")}}`;
}

/** Text as text; other bytes in hex while they are few. */
export function bytesText(bytes: Uint8Array, { textBytes, hexBytes } = ROW): string {
  try {
    // A cut in the middle of a character shows as the length only.
    const text = toUtf8(bytes.subarray(0, textBytes));
    if (!/\p{Cc}/u.test(text.replaceAll(/[\n\t]/g, ""))) return printable(JSON.stringify(text));
  } catch {
    // Not UTF-8.
  }
  return bytes.length <= hexBytes ? `0x${toHex(bytes)}` : `<${bytes.length} bytes>`;
}

export function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
}
