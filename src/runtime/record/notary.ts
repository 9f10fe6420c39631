// Signs an actor's chain and proves what is in it. Signs on demand only, and only what the ledger holds.

import { originOf, signCheckpoint } from "../../chain/checkpoint.ts";
import { importLogKey, type LogKey } from "../../chain/keys.ts";
import { READ_BYTES_MAX, sizeOf, type LedgerEntry } from "../../chain/ledger.ts";
import { decodePayload } from "../../chain/payload.ts";
import { formatReceipt, RECEIPT_EVENTS_MAX } from "../../chain/receipt.ts";
import { consistencyProof, inclusionProof } from "../../chain/tree-proofs.ts";
import { leafHash, verifyInclusion } from "../../chain/tree.ts";
import { toBase64 } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { Checkpoints, Published } from "./checkpoints.ts";
import type { History } from "./history.ts";
import type { Journal } from "./journal.ts";
import type { Consistency, TilePlace } from "../protocol.ts";
import type { TreeKeeper } from "./tree-keeper.ts";

/** The log that this deployment keeps: its name and, where it signs, its key. */
export class Log {
  readonly name: string;
  readonly #secret: string | undefined;
  #key: Promise<LogKey> | undefined;

  constructor(name: string, secret: string | undefined) {
    this.name = name;
    this.#secret = secret;
  }

  /** Null where no LOG_KEY is set: this log does not sign. Throws `bad-request` for a malformed one. */
  async key(): Promise<LogKey | null> {
    if (this.#secret === undefined || this.#secret === "") return null;
    this.#key ??= importLogKey(this.#secret);
    try {
      return await this.#key;
    } catch (thrown) {
      this.#key = undefined; // a failure is not for ever
      throw thrown;
    }
  }
}

interface NotaryParts {
  log: Log;
  journal: Journal;
  history: History;
  tree: TreeKeeper;
  checkpoints: Checkpoints;
  /** Feeds the ledger and returns the highest seq that it holds. */
  feed(this: void): Promise<number>;
}

export class Notary {
  readonly #parts: NotaryParts;
  #newest: Published | undefined;

  constructor(parts: NotaryParts) {
    this.#parts = parts;
  }

  /** The signed note over everything that the ledger holds now. Throws `unsupported` where the log does not sign. */
  async checkpoint(): Promise<Published> {
    const { log, journal, tree, checkpoints, feed } = this.#parts;
    const size = (await feed()) + 1;
    tree.advance(size);
    if (this.#newest?.size === size) return this.#newest;
    const key = await log.key();
    if (key === null) {
      throw new TheaterError(
        "unsupported",
        "This server signs nothing: set the secret LOG_KEY first.",
      );
    }
    const root = await tree.rootAt(size); // of this size, even if the tree has grown while the key came
    const origin = originOf({ log: log.name, actor: journal.actor });
    const note = await signCheckpoint([key], { origin, size, root });
    const published = await checkpoints.publish(journal.actor, { size, root, note });
    this.#newest = published;
    return published;
  }

  /** How many events the ledger holds, and the root of the tree over them; null where the log does not sign. */
  async mark(): Promise<{ size: number; root: Uint8Array | null }> {
    const { log, feed } = this.#parts;
    return (await log.key()) === null
      ? { size: (await feed()) + 1, root: null }
      : await this.checkpoint();
  }

  /** Event `seq` with its turn's run, and the proof that it is in the chain that was signed. */
  async receipt(seq: number): Promise<string> {
    const { journal, history, tree } = this.#parts;
    if (seq > journal.head.seq) {
      throw new TheaterError("not-found", `The chain ends at event ${journal.head.seq}.`, { seq });
    }
    const { size, root, note } = await this.checkpoint();
    const hashes = await inclusionProof(tree.nodes(size), { index: seq, size });
    const [entry] = await history.entries(seq, 1);
    check(entry, { seq, size, root, hashes });
    const entries = await this.#runOf(entry);
    const events = entries.map(({ block, payload }) => ({ block, payload: payload.block }));
    return await formatReceipt({ events, hashes, checkpoint: note });
  }

  /** From the message to the event that ended its turn; the event alone where they are more than a page. */
  async #runOf(end: LedgerEntry): Promise<LedgerEntry[]> {
    const run: LedgerEntry[] = [];
    let bytes = 0;
    for await (const entry of this.#parts.history.events(runStart(end), end.seq)) {
      bytes += sizeOf(entry);
      if (bytes > READ_BYTES_MAX) return [end];
      run.push(entry);
    }
    return run;
  }

  async consistency(from: number, to: number): Promise<Consistency> {
    const { tree } = this.#parts;
    const { size } = await this.checkpoint();
    if (to > size || from > to) {
      const message = `Ask for sizes with from ≤ to ≤ ${size}, the newest checkpoint's.`;
      throw new TheaterError("bad-request", message, { from, to, size });
    }
    const hashes = await consistencyProof(tree.nodes(to), { from, to });
    return { from, to, hashes: hashes.map(toBase64) };
  }

  /** The first `width` hashes of a tile of the newest checkpoint's tree. */
  async tile({ level, index, width }: TilePlace): Promise<Uint8Array> {
    const { tree, feed } = this.#parts;
    tree.advance((await feed()) + 1);
    return tree.tile(level, index, width);
  }
}

/** A proof that does not hold is never handed out: then a tile is damaged, and the events are not. */
function check(
  entry: LedgerEntry | undefined,
  {
    seq,
    size,
    root,
    hashes,
  }: { seq: number; size: number; root: Uint8Array; hashes: Uint8Array[] },
): asserts entry is LedgerEntry {
  const leaf = entry === undefined ? undefined : leafHash(entry.block);
  if (leaf !== undefined && verifyInclusion({ index: seq, size, leaf, proof: hashes, root })) {
    return;
  }
  const message =
    "A stored tile of the tree is damaged: delete the rows of the table tile to have them made again.";
  throw new TheaterError("content-corrupt", message, { seq, size });
}

/** Where the message of the turn stands that this event ended; its own seq for any other event. */
function runStart({ seq, type, payload }: LedgerEntry): number {
  if (payload.block === null || !isEnd(type)) return seq;
  const { message } = decodePayload(type, payload.block);
  return seq - message < RECEIPT_EVENTS_MAX ? message : seq;
}

function isEnd(type: string): type is "turn.committed" | "turn.refused" | "turn.failed" {
  return ["turn.committed", "turn.refused", "turn.failed"].includes(type);
}
