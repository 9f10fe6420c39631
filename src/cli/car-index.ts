// Where in a CAR file things are: each raw block, and about every 64 kB an event. Made in one pass over a file whose
// hashes were checked before. It takes about a thousandth of the file: a raw block is above 64 KiB, or a manifest
// or a component.

import { createReadStream } from "node:fs";
import { carBlockLength, carHeader, readCar } from "../chain/car.ts";
import { StretchWriter, stretchOf } from "../chain/stretches.ts";
import { HASH_BYTES } from "../chain/tree.ts";
import { equalBytes, toHex } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";

/** A file with so many raw blocks that are not too small would have 64 GB. */
const BLOCKS_MAX = 1_000_000;

export interface CarIndex {
  /** Position of the last event; the first is the genesis. */
  readonly last: number;
  /** Where to begin to read for an event. */
  stretch(seq: number): { seq: number; at: number };
  /** Where the bytes of a raw block are; undefined where the file does not have it. */
  block(digestHex: string): { at: number; bytes: number } | undefined;
}

/** Throws `too-large` for a file with too many blocks. */
export async function indexCar(path: string): Promise<CarIndex> {
  const { root, blocks } = await readCar(createReadStream(path));
  let at = carHeader(root).length;
  const stretches = new StretchWriter(at);
  const raw = new Map<string, { at: number; bytes: number }>();
  let [last, event, length] = [-1, new Uint8Array(), 0];
  const add = (): void => {
    if (last >= 0 && length > 0) stretches.add(last, length);
    length = 0;
  };
  for await (const { link, bytes } of blocks) {
    const whole = carBlockLength(bytes.length);
    if (link.codec === "raw") {
      if (raw.size >= BLOCKS_MAX) throw tooMany(path);
      raw.set(toHex(link.digest), { at: at + whole - bytes.length, bytes: bytes.length });
    } else if (!equalBytes(link.digest, event.subarray(-HASH_BYTES))) {
      add();
      last++;
      event = Uint8Array.from(bytes.subarray(-HASH_BYTES));
    }
    if (link.codec !== "raw") length += whole;
    at += whole;
  }
  add();
  const text = stretches.text;
  return {
    last,
    stretch: (seq) =>
      stretchOf(text, { from: seq, to: seq }) ?? { seq: 0, at: carHeader(root).length },
    block: (digestHex) => raw.get(digestHex),
  };
}

function tooMany(path: string): TheaterError {
  const message = `Replay the actor on its server: ${path} has more than ${BLOCKS_MAX} blocks of content.`;
  return new TheaterError("too-large", message, { limit: BLOCKS_MAX });
}
