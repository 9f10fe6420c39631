// A chain in an exported file as a replay reads it: events from wherever they are asked for, raw blocks by their
// names, and the component made runnable here. Rule: every raw block is hashed when it is read.

import { readCarBlocks, type CarBlock } from "../chain/car.ts";
import { cidText, digestText } from "../chain/cid.ts";
import { sha256 } from "../chain/hash.ts";
import type { Link } from "../chain/value.ts";
import type { Executor } from "../executor/executor.ts";
import { equalBytes } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { NotHeld } from "./source.ts";
import type { LoadedModules, ReplaySource, SourceEntry } from "./source.ts";
import { transpiledHere } from "./transpiled-here.ts";

/** The bytes of a CAR file, by place. */
export interface ChainFile {
  /** From the beginning of an event that is not behind `seq`, to the end of the file. */
  from(seq: number): Promise<{ seq: number; chunks: AsyncIterable<Uint8Array> }>;
  /** A raw block; null where the file does not have it. */
  block(digest: Uint8Array): Promise<Uint8Array | null>;
}

export interface FileChain {
  actor: string;
  head: { seq: number; cid: string };
}

/** Events of one page, and what they take. */
const PAGE_MAX = 1_000;
const PAGE_BYTES = 1024 * 1024;

export function fileSource(
  file: ChainFile,
  { actor, head }: FileChain,
  modules: ReplaySource["modules"],
): ReplaySource {
  return {
    actor,
    head,
    pages: (from, to) => pagesOf(file, from, to),
    async entry(seq) {
      for await (const [entry] of pagesOf(file, seq, seq)) return entry;
      return undefined;
    },
    read: async (link) =>
      await need(file, link.digest, "blocks", `the block ${cidText(link)} of its actor`),
    modules,
    others(other) {
      const message = `The file holds the chain of ${actor} only, and a turn was shown that of ${other}.`;
      throw new NotHeld("unsupported", message, { actor: other });
    },
  };
}

/** Raw blocks come behind the chain, so an event is whatever is not the payload of the one before. */
async function* pagesOf(
  file: ChainFile,
  from: number,
  to: number,
): AsyncGenerator<readonly SourceEntry[]> {
  const { seq: first, chunks } = await file.from(from);
  let [seq, bytes] = [first, 0];
  let page: SourceEntry[] = [];
  let event: CarBlock | undefined;
  const take = (payload: Uint8Array | null): void => {
    if (event !== undefined && seq >= from) {
      page.push(new FileEntry(seq, event, payload));
      bytes += event.bytes.length + (payload?.length ?? 0);
    }
    if (event !== undefined) seq++;
    event = undefined;
  };
  for await (const block of readCarBlocks(chunks)) {
    if (event !== undefined && isPayload(event, block.link)) take(block.bytes);
    else {
      take(null);
      if (block.link.codec === "raw" || seq > to) break;
      event = block;
    }
    if (page.length < PAGE_MAX && bytes < PAGE_BYTES) continue;
    yield page;
    [page, bytes] = [[], 0];
  }
  take(null);
  if (page.length > 0) yield page;
}

/** Its CID becomes a text only where somebody asks for it. */
class FileEntry implements SourceEntry {
  readonly seq: number;
  readonly link: Link;
  readonly block: Uint8Array;
  readonly payload: Uint8Array | null;

  constructor(seq: number, { link, bytes }: CarBlock, payload: Uint8Array | null) {
    this.seq = seq;
    this.link = link;
    this.block = bytes;
    this.payload = payload;
  }

  get cid(): string {
    return cidText(this.link);
  }
}

/** In the canonical order the payload's link is the last thing in an event's block. */
function isPayload({ bytes }: CarBlock, { digest }: Link): boolean {
  return equalBytes(digest, bytes.subarray(-digest.length));
}

async function need(
  file: ChainFile,
  digest: Uint8Array,
  include: string,
  what: string,
): Promise<Uint8Array> {
  const bytes = await file.block(digest);
  if (bytes === null) {
    const message = `Export the chain again with --include manifest,component,blocks: the file lacks ${what}.`;
    throw new TheaterError("not-found", message, { digest: digestText(digest), include });
  }
  if (equalBytes(sha256(bytes), digest)) return bytes;
  const message = `Export the chain again: what the file has for ${what} are other bytes.`;
  throw new TheaterError("content-corrupt", message, { digest: digestText(digest) });
}

/**
 * The component of the file, transpiled here. `modules.digest` is that of the genesis if the same transpiler made
 * both.
 */
export async function modulesOfFile(
  file: ChainFile,
  digest: Uint8Array,
  executor: Executor,
): Promise<LoadedModules> {
  const bytes = await need(file, digest, "component", `the component ${digestText(digest)}`);
  return await transpiledHere(bytes, executor);
}
