// Which actor a public name leads to, remembered for a moment: visitors come in crowds, and the database that
// would be asked for each of them is the one that the ledger lives in.
//
// Rule: what is remembered may be old, so nothing is decided by it. The actor itself says who may ask, and a
// caller that finds it down asks for the name anew.

import { TheaterError } from "../../lib/errors.ts";
import type { Directory } from "../directory.ts";
import type { SiteRef } from "../protocol.ts";

const KEPT_MS = 2_000;
/** Names, existing or not, that one isolate remembers. */
const NAMES_MAX = 1_000;

/** Null: there is no such actor. */
const known = new Map<string, { site: SiteRef | null; untilMs: number }>();

/** `anew`: whatever is remembered. Throws `not-found`. */
export async function findSite(
  directory: Directory,
  named: string,
  anew: boolean,
): Promise<SiteRef> {
  const kept = anew ? undefined : known.get(named);
  const leftMs = (kept?.untilMs ?? 0) - Date.now();
  const isKept = kept !== undefined && leftMs >= 0 && leftMs <= KEPT_MS; // more: the clock was put back
  const site = isKept ? kept.site : await directory.site(named);
  if (!isKept) {
    if (known.size >= NAMES_MAX) known.clear();
    known.set(named, { site, untilMs: Date.now() + KEPT_MS });
  }
  if (site !== null) return site;
  throw new TheaterError("not-found", "No actor that was not stopped has this public name.");
}
