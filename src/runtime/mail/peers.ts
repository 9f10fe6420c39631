// Whether there is an actor of an id at all. Whoever was born stays known for ever (its object keeps the
// tables), so a yes is kept and only the first message to an actor asks.

import type { ActorRpc } from "../protocol.ts";

/** Actors that are kept in mind. */
const BORN_MAX = 10_000;
/** One that does not say in time may exist: then the message goes out, and its loss is recorded. */
const ANSWER_MS_MAX = 2_000;

export class Peers {
  readonly #sql: SqlStorage;
  readonly #peer: (id: string) => ActorRpc;
  readonly #born: Set<string>;

  constructor(sql: SqlStorage, own: string, peer: (id: string) => ActorRpc) {
    this.#sql = sql;
    this.#peer = peer;
    this.#born = new Set([own]);
  }

  /** False only where the object itself says so. */
  async isBorn(id: string): Promise<boolean> {
    if (this.#born.has(id)) return true;
    // Messages have gone there or come from there.
    if (this.#sql.exec("SELECT 1 FROM peer WHERE actor = ?", id).toArray().length > 0) return true;
    const said = await this.#ask(id);
    if (said !== true) return said ?? true;
    if (this.#born.size >= BORN_MAX) this.#born.clear();
    this.#born.add(id);
    return true;
  }

  async #ask(id: string): Promise<boolean | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), ANSWER_MS_MAX);
    try {
      const answer = await Promise.race([this.#peer(id).isBorn(), promise]);
      return answer?.ok === true ? answer.value : undefined;
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}
