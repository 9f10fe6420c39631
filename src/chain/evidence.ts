// What an auditor holds, checked wherever JavaScript runs: an exported chain or a receipt, against keys that
// she knows from elsewhere. The entry point `theater/verify`; it needs nothing but the platform's WebCrypto.
// Rule: only the keys that are given count; a key that the evidence itself names vouches for nothing.

import { TheaterError } from "../lib/errors.ts";
import { openCheckpoint, parseCheckpoint, parseOrigin } from "./checkpoint.ts";
import { parseNote, parseVerifierKey } from "./note.ts";
import { verifyReceipt, type ReceiptVerdict } from "./receipt.ts";
import { verifyCar, type CarReport } from "./verify-car.ts";

interface EventRef {
  readonly seq: number;
  /** As `Theater-Event` gives it behind the colon. */
  readonly cid: string;
}

/** What is known from elsewhere. Without any of it, the verdict says only that the events fit each other. */
export interface Known {
  /** The actor whose chain it must be: 32 characters. */
  readonly actor?: string;
  /** The last event that it must have. */
  readonly head?: EventRef;
  /** The signed note that it must fit, and the verifier keys of which at least one must have signed it. */
  readonly checkpoint?: { readonly note: string; readonly keys: readonly string[] };
}

export interface ExportReport extends CarReport {
  /** Names of the keys that signed the first `signed.signedTo` events; none without a checkpoint. */
  readonly signedBy: readonly string[];
}

/**
 * Verifies an exported chain (CAR) in one pass. Bad bytes never throw: they are the report. Throws `chain-broken`
 * where no given key signed the note, its signature is wrong, or it is of another actor; `bad-request`
 * for what is no note or no verifier key; and whatever the stream throws.
 */
export async function verifyExport(
  car: Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  { actor, head, checkpoint }: Known = {},
): Promise<ExportReport> {
  const chunks = chunksOf(car instanceof Blob ? car.stream() : car);
  if (checkpoint === undefined) {
    return { ...(await verifyCar(chunks, { actor, head })), signedBy: [] };
  }
  const { origin } = parseCheckpoint(parseNote(checkpoint.note).text);
  const signed = parseOrigin(origin);
  if (signed === undefined || (actor !== undefined && actor !== signed.actor)) {
    const message = "Give the checkpoint of this chain: the note is about another one.";
    const evidence = { reason: "wrong-origin", expected: actor ?? null, found: origin };
    throw new TheaterError("chain-broken", message, evidence);
  }
  const opened = await openCheckpoint(
    checkpoint.note,
    checkpoint.keys.map(parseVerifierKey),
    origin,
  );
  const expected = { actor: signed.actor, head, checkpoints: [opened] };
  const report = await verifyCar(chunks, expected);
  const isSigned = (report.signed?.signedTo ?? 0) > 0;
  return { ...report, signedBy: isSigned ? opened.signedBy : [] };
}

/**
 * Verifies a receipt with these verifier keys. `event`: the one that it must be about, for instance the
 * `Theater-Event` of a reply. Throws `bad-request` for what is no verifier key, and else nothing.
 */
export async function verifyReceiptText(
  receipt: string,
  keys: readonly string[],
  event?: EventRef,
): Promise<ReceiptVerdict> {
  return await verifyReceipt(receipt, keys.map(parseVerifierKey), event);
}

/** Not every browser iterates streams. */
async function* chunksOf(
  car: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (!(car instanceof ReadableStream)) {
    yield* car;
    return;
  }
  const reader = car.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
