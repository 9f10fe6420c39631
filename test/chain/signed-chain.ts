// The sample chain with the key of its log: its tree, checkpoints and receipts. The same bytes on each
// run, because Ed25519 signatures have no randomness.

import { originOf, signCheckpoint, type Checkpoint } from "../../src/chain/checkpoint.ts";
import { importLogKey, type LogKey } from "../../src/chain/keys.ts";
import type { Line } from "../../src/chain/ndjson.ts";
import { formatReceipt } from "../../src/chain/receipt.ts";
import { TileNodes, TileWriter } from "../../src/chain/tiles.ts";
import { leafHash } from "../../src/chain/tree.ts";
import { consistencyProof, inclusionProof, treeRoot } from "../../src/chain/tree-proofs.ts";
import { toBase64 } from "../../src/lib/bytes.ts";
import { digestOf } from "./sample-chain.ts";

export const LOG = "theater.example";
export const SECRET = toBase64(digestOf("secret of the log"));
export const logKey = await importLogKey(SECRET);

/** What an actor can say about its chain; the lines are fewer than fill a tile. */
export class SignedChain {
  readonly lines: readonly Line[];
  readonly origin: string;
  readonly #key: LogKey;
  readonly #nodes: TileNodes;

  constructor({ lines, actor }: { lines: readonly Line[]; actor: string }, key: LogKey = logKey) {
    this.lines = lines;
    this.origin = originOf({ log: LOG, actor });
    this.#key = key;
    const writer = new TileWriter();
    for (const { block } of lines) writer.append(leafHash(block));
    const tile = writer.partial(0, 0) ?? new Uint8Array();
    this.#nodes = new TileNodes({ tile: () => tile }, lines.length);
  }

  async checkpoint(size = this.lines.length): Promise<Checkpoint> {
    return { origin: this.origin, size, root: await treeRoot(this.#nodes, size) };
  }

  async note(size = this.lines.length): Promise<string> {
    return await signCheckpoint([this.#key], await this.checkpoint(size));
  }

  async inclusion(index: number, size = this.lines.length): Promise<Uint8Array[]> {
    return await inclusionProof(this.#nodes, { index, size });
  }

  async consistency(from: number, to: number): Promise<Uint8Array[]> {
    return await consistencyProof(this.#nodes, { from, to });
  }

  async receipt(first: number, last: number, size = this.lines.length): Promise<string> {
    return await formatReceipt({
      events: this.lines.slice(first, last + 1),
      hashes: await this.inclusion(last, size),
      checkpoint: await this.note(size),
    });
  }
}
