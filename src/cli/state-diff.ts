// What differs between two states: by JSON path where both are JSON, by bytes otherwise. Rule: the answer is
// bounded, whatever the states are, and says so where it is cut.

import { toHex, toUtf8 } from "../lib/bytes.ts";
import { printable } from "./output.ts";
import { cut } from "./value-text.ts";

/** Changes that are listed; a diff is to be read. */
const CHANGES_MAX = 200;
/** Of a value in a listed change. */
const VALUE_CHARS_MAX = 200;
/** JSON within one another; deeper down, values are compared as a whole. */
const DEPTH_MAX = 64;
/** Bytes that are shown from where two states part. */
const SHOWN_BYTES = 16;

interface Change {
  /** RFC 6901. */
  path: string;
  kind: "added" | "removed" | "changed";
  /** JSON, cut where it is long; absent where there is nothing. */
  before?: string;
  after?: string;
}

export type StateDiff =
  | { kind: "equal"; bytes: number | null }
  | { kind: "json"; changes: Change[]; more: boolean }
  | {
      kind: "bytes";
      /** Null: there was no state. */
      before: number | null;
      after: number | null;
      /** Where they part, and hex of what stands there. */
      at: number;
      found: { before: string; after: string };
    };

export function diffStates(before: Uint8Array | null, after: Uint8Array | null): StateDiff {
  const at = partingOf(before ?? NONE, after ?? NONE);
  const isEqual = before?.length === after?.length && at === (before?.length ?? 0);
  if (isEqual) return { kind: "equal", bytes: before?.length ?? null };
  const [one, other] = [jsonOf(before), jsonOf(after)];
  if (before === null && other !== undefined) {
    const added: Change = { path: "", kind: "added", after: textOf(other.value).shown };
    return { kind: "json", changes: [added], more: false };
  }
  if (one !== undefined && other !== undefined) {
    const changes: Change[] = [];
    for (const change of differences(one.value, other.value, "", 0)) {
      if (changes.length === CHANGES_MAX) return { kind: "json", changes, more: true };
      changes.push(change);
    }
    // The same value in another spelling: then the bytes say how they differ.
    if (changes.length > 0) return { kind: "json", changes, more: false };
  }
  const shown = (state: Uint8Array | null): string =>
    toHex((state ?? NONE).subarray(at, at + SHOWN_BYTES));
  const found = { before: shown(before), after: shown(after) };
  return { kind: "bytes", before: before?.length ?? null, after: after?.length ?? null, at, found };
}

const NONE = new Uint8Array();

function partingOf(one: Uint8Array, other: Uint8Array): number {
  let at = 0;
  while (at < one.length && at < other.length && one[at] === other[at]) at++;
  return at;
}

/** Undefined for what is no JSON. */
function jsonOf(state: Uint8Array | null): { value: unknown } | undefined {
  if (state === null) return undefined;
  try {
    return { value: JSON.parse(toUtf8(state)) as unknown };
  } catch {
    return undefined;
  }
}

function* differences(
  before: unknown,
  after: unknown,
  path: string,
  depth: number,
): Generator<Change> {
  if (Object.is(before, after)) return;
  const [one, other] = depth < DEPTH_MAX ? [partsOf(before), partsOf(after)] : [];
  if (one === undefined || other === undefined || Array.isArray(before) !== Array.isArray(after)) {
    const [was, is] = [textOf(before), textOf(after)];
    if (was.whole === is.whole) return;
    yield { path, kind: "changed", before: was.shown, after: is.shown };
    return;
  }
  for (const key of new Set([...one.keys(), ...other.keys()])) {
    const inner = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (!other.has(key)) {
      yield { path: inner, kind: "removed", before: textOf(one.get(key)).shown };
    } else if (one.has(key)) {
      yield* differences(one.get(key), other.get(key), inner, depth + 1);
    } else {
      yield { path: inner, kind: "added", after: textOf(other.get(key)).shown };
    }
  }
}

/** Undefined for what has none. A map, because a key of JSON may be `__proto__`. */
function partsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return new Map(Object.entries(value));
}

function textOf(value: unknown): { whole: string; shown: string } {
  let whole: string;
  try {
    whole = JSON.stringify(value);
  } catch {
    whole = "(nested too deeply to show)";
  }
  return { whole, shown: cut(printable(whole), VALUE_CHARS_MAX) };
}

const SIGNS = { added: "+", removed: "-", changed: "~" } as const;

/** Lines for people. */
export function diffText(diff: StateDiff): string {
  if (diff.kind === "equal") return "no difference";
  if (diff.kind === "bytes") {
    const { before, after, at, found } = diff;
    const size = (bytes: number | null): string => (bytes === null ? "none" : `${bytes} bytes`);
    const side = (hex: string): string => (hex === "" ? "(ends there)" : `0x${hex}`);
    return [
      `${size(before)} → ${size(after)}`,
      `they part at byte ${at}: ${side(found.before)} → ${side(found.after)}`,
    ].join("\n");
  }
  const lines = diff.changes.map(({ path, kind, before, after }) => {
    const values = [before, after].filter((value) => value !== undefined).join(" → ");
    return `${SIGNS[kind]} ${printable(path === "" ? "(the whole state)" : path)}  ${values}`;
  });
  return [...lines, ...(diff.more ? [`only the first ${CHANGES_MAX} differences`] : [])].join("\n");
}
