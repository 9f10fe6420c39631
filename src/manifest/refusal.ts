// Why a manifest is refused: always the key by name, and for an unknown key the nearest known one.

import type { z } from "zod";
import { TheaterError } from "../lib/errors.ts";

/** The first issue of a table at `path` ("" for the manifest itself), as `bad-manifest`. */
export function badTable(
  error: z.ZodError,
  { path, keys, title }: { path: string; keys: readonly string[]; title: string },
): TheaterError {
  const [issue] = error.issues;
  const inner = issue?.path.map(String) ?? [];
  const at = [...(path === "" ? [] : [path]), ...inner].join(".");
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const known = inner.length === 0 ? nearest(key, keys) : "";
    return badKey(at === "" ? key : `${at}.${key}`, {
      message: `Unknown key "${key}" in ${inner.length === 0 ? title : at}${known}.`,
    });
  }
  const where = inner.length === 0 ? title : inner.join(".");
  return badKey(at, { message: `${where}: ${issue?.message ?? "invalid"}.` });
}

/** `key` is the path of the key in the manifest, with dots. */
export function badKey(
  key: string,
  { message, found }: { message: string; found?: string },
): TheaterError {
  return new TheaterError("bad-manifest", message, found === undefined ? { key } : { key, found });
}

/** "; did you mean …?" for the known word with the smallest edit distance, if any is near. */
export function nearest(word: string, known: readonly string[]): string {
  if (word.length > WORD_CHARS_MAX) return "";
  let best = { word: "", distance: 4 }; // further away it is another word, not a slip
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < best.distance) best = { word: candidate, distance };
  }
  return best.word === "" ? "" : `; did you mean "${best.word}"?`;
}

/** Longer words are no slips, and comparing them takes time. */
const WORD_CHARS_MAX = 64;

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
