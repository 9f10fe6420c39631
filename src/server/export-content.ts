// The raw blocks that go behind a chain in a CAR: found by the links in the payloads that were sent, so that
// nothing is read twice.

import { decode } from "../chain/cbor.ts";
import { cidText } from "../chain/cid.ts";
import { decodeEvent } from "../chain/event.ts";
import { linksIn } from "../chain/links.ts";
import { isMap } from "../chain/payload-fields.ts";
import type { RawBlock } from "../chain/payload.ts";
import type { Link, Value } from "../chain/value.ts";
import { TheaterError } from "../lib/errors.ts";
import type { Actors } from "../runtime/actors.ts";
import type { ChainEntry } from "../runtime/protocol.ts";
import { valueOf } from "./problem.ts";

/** What `?include=` can name. `blocks` are all of the actor's own, states among them. */
export const INCLUDES = ["manifest", "component", "states", "blocks"] as const;

/** Types of events that record a state. */
const STATES = ["actor.started", "actor.migrated", "actor.reverted", "turn.committed"];

/** Whose bytes a link names: in the store that all share, or among the actor's own. */
type Shelf = "shared" | "own";

export class ExportContent {
  readonly #include: readonly string[];
  /** By CID, in the order in which they were found. Each stands for bytes that are many times as long. */
  readonly #found = new Map<string, { link: Link; shelf: Shelf }>();

  constructor(include: readonly string[]) {
    this.#include = include;
  }

  /** Types of events that can name something wanted; none = all of them. */
  get types(): string[] {
    if (this.#include.includes("blocks")) return [];
    const states = this.#include.includes("states") ? STATES : [];
    return ["actor.created", "actor.upgraded", ...states];
  }

  /** Takes each event that is sent. One that cannot be read is sent as it is, and names nothing. */
  note({ block, payload }: ChainEntry): void {
    if (this.#include.length === 0 || payload === null) return;
    try {
      const { type } = decodeEvent(block);
      if (this.types.length > 0 && !this.types.includes(type)) return;
      const fields = decode(payload);
      if (isMap(fields)) this.#noteFields(type, fields);
    } catch (thrown) {
      if (!(thrown instanceof TheaterError)) throw thrown;
    }
  }

  #noteFields(type: string, fields: { readonly [name: string]: Value }): void {
    if (type === "actor.created" || type === "actor.upgraded") {
      for (const name of ["manifest", "component"]) {
        if (this.#include.includes(name)) this.#noteLinks(fields[name] ?? null, "shared");
      }
      return;
    }
    const isAll = this.#include.includes("blocks");
    this.#noteLinks(isAll ? fields : (fields["state"] ?? null), "own");
  }

  #noteLinks(value: Value, shelf: Shelf): void {
    for (const link of linksIn(value)) {
      if (link.codec === "raw") this.#found.set(cidText(link), { link, shelf });
    }
  }

  /**
   * What was found, each once. A block that the store has lost is left out: an export is of what there is, and
   * whoever needs the block says so.
   */
  async *blocks(id: string, actors: Actors): AsyncGenerator<RawBlock> {
    for (const [cid, { link, shelf }] of this.#found) {
      const answer = await (shelf === "own" ? actors.block(id, cid) : actors.content(cid));
      if (!answer.ok && answer.error.code === "not-found") continue;
      yield { digest: link.digest, bytes: valueOf(answer) };
    }
  }
}
