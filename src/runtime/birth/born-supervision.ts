// What a supervisor's genesis says of its children: policy and sources, pinned at its birth. JSON text,
// because a policy has fractions and the chain's values have none.
//
// Invariant: what was written at the birth is what is read at every wake-up; no reference is followed twice.

import { fromBase64, fromUtf8, toBase64 } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { UNSUPERVISED, type SupervisorSpec } from "../../supervision/spec.ts";

/** What a child of the manifest is born from. */
export interface BornSource {
  /** "sha256:<hex>" of its manifest in the content store. */
  manifest: string;
  /** Null: its manifest's. */
  initState: Uint8Array | null;
}

export interface BornSupervision {
  spec: SupervisorSpec;
  /** By the name of each child in `spec.children`. */
  sources: ReadonlyMap<string, BornSource>;
  /** Whether the guest is told what becomes of its children. */
  callbacks: boolean;
}

/** A text of the payload is never moved out of it, so it has to fit with what else stands there. */
const SUPERVISION_BYTES_MAX = 60_000;

/** Null where there is nothing to say. Throws `bad-manifest` for more than fits into a genesis. */
export function supervisionText({ spec, sources, callbacks }: BornSupervision): string | null {
  if (spec === UNSUPERVISED && !callbacks) return null;
  const listed = [...sources].map(([name, { manifest, initState }]) => [
    name,
    { manifest, initState: initState === null ? null : toBase64(initState) },
  ]);
  const text = canonical({ spec, sources: Object.fromEntries(listed), callbacks });
  const { length } = fromUtf8(text);
  if (length <= SUPERVISION_BYTES_MAX) return text;
  const message =
    `The [supervisor] and [[child]] tables take ${length} bytes of the genesis, initial states included; at ` +
    `most ${SUPERVISION_BYTES_MAX} fit. Have fewer children, or put initial states into their own manifests.`;
  throw new TheaterError("bad-manifest", message, { key: "child", limit: SUPERVISION_BYTES_MAX });
}

interface Written {
  spec: SupervisorSpec;
  sources: Record<string, { manifest: string; initState: string | null }>;
  callbacks: boolean;
}

export function readSupervision(text: string | null): BornSupervision {
  if (text === null) return { spec: UNSUPERVISED, sources: new Map(), callbacks: false };
  const { spec, sources, callbacks } = JSON.parse(text) as Written;
  const read = Object.entries(sources).map(([name, { manifest, initState }]) => {
    const bytes = initState === null ? null : fromBase64(initState);
    assert(bytes !== undefined, "an initial state in a genesis is base64");
    return [name, { manifest, initState: bytes }] as const;
  });
  // Of a guest that only wants to hear of its children's ends: the same object as where there is no text.
  const isPlain = canonical(spec) === canonical(UNSUPERVISED);
  return { spec: isPlain ? UNSUPERVISED : spec, sources: new Map(read), callbacks };
}

/** Keys in order: the same policy is always the same text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    const entries = Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries);
  });
}
