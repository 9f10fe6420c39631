// The history, run again with another component in place of what ran it. Two histories are one if the guest makes
// the same calls, gives the same answers and reaches the same states. Where the new component gives states
// another form, by its `migrate`, the recorded ones are held against it in that form.

import { decodePayload, encodePayload } from "../../chain/payload.ts";
import { Link, type Value } from "../../chain/value.ts";
import type { Executor, ModuleSetRef } from "../../executor/executor.ts";
import type { LinkReader } from "../../executor/wit-links.ts";
import type { ComponentDescription } from "../../executor/wit-type.ts";
import { equalBytes } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { InForce } from "../../replay/in-force.ts";
import { hasMigrate, migrate } from "../../replay/migration.ts";
import { stateSaid } from "../../chain/recorded-state.ts";
import type { RecordedEvent } from "../../replay/recorded-turn.ts";
import type { ReplayOptions } from "../../replay/replay.ts";
import type { ReplaySource } from "../../replay/source.ts";
import { migrationFailed } from "./migration-failed.ts";

/** What would run, and what of its version a replay needs. */
export interface Candidate {
  component: Uint8Array;
  modules: ModuleSetRef;
  description: ComponentDescription;
  /** Grants by handler type. */
  grants: Readonly<Record<string, Value>>;
  stateBytesMax: number;
}

/** How states on record look to the candidate: undefined, as they are. */
export type Reshape = ((state: Uint8Array | null) => Promise<Uint8Array | null>) | undefined;

/** By the candidate's own migration, where it has one. Throws what became of it. */
export function reshapeBy({ modules, description }: Candidate, executor: Executor): Reshape {
  if (!hasMigrate(description)) return undefined;
  return async (state) => {
    const made = await migrate({ executor, modules }, state);
    if (made.kind === "migrated") return made.state;
    throw migrationFailed(made);
  };
}

/** What makes a replay of `source` a rehearsal. */
export function rehearsing(
  candidate: Candidate,
  source: ReplaySource,
  reshape: Reshape,
): Pick<ReplayOptions, "source" | "override" | "translate"> {
  const override = (recorded: InForce): InForce => ({ ...recorded, ...candidate });
  if (reshape === undefined) return { source, override };
  const history = new ReshapedHistory(source.read, reshape);
  return {
    source: { ...source, read: (link) => history.read(link) },
    override,
    translate: (event) => history.translate(event),
  };
}

/** Recorded events with the states in them reshaped. */
class ReshapedHistory {
  readonly #source: LinkReader;
  readonly #reshape: NonNullable<Reshape>;
  /** The newest state, as it is on record and reshaped: the next turn begins with it. */
  #last: { from: Uint8Array | null; to: Uint8Array | null } | undefined;
  /** Reshaped states too long for a payload. The newest is all that anybody reads. */
  #long: { digest: Uint8Array; bytes: Uint8Array } | undefined;

  constructor(source: LinkReader, reshape: NonNullable<Reshape>) {
    this.#source = source;
    this.#reshape = reshape;
  }

  async read(link: Link): Promise<Uint8Array> {
    const long = this.#long;
    return long !== undefined && equalBytes(long.digest, link.digest)
      ? long.bytes
      : await this.#source(link);
  }

  async translate(event: RecordedEvent): Promise<RecordedEvent> {
    const said = stateSaid(event);
    if (said === undefined || said === "erased" || event.payload === null) return event;
    const { state } = said;
    const from = state instanceof Link ? await this.#source(state) : state;
    const before = this.#last;
    const to = await this.#reshape(from);
    this.#last = { from, to };
    // A turn that changed the state, but nothing of it that its new form has, left it as it was.
    const stays = event.type === "turn.committed" && before !== undefined && same(before.to, to);
    return { ...event, payload: this.#payload(event, stays ? null : to === null ? [] : [to]) };
  }

  #payload({ type, payload }: RecordedEvent, state: readonly Value[] | null): Uint8Array {
    const known = type as "turn.committed"; // all of these have a state, and a rehearsal reads no further
    const { salt, ...fields } = decodePayload(known, payload ?? new Uint8Array(0));
    const { block, raw } = encodePayload(known, { ...fields, state }, salt);
    const [bytes] = (state ?? []) as readonly Uint8Array[];
    const long = raw.find((one) => bytes !== undefined && equalBytes(one.bytes, bytes));
    if (long !== undefined) this.#long = long;
    return block;
  }
}

function same(one: Uint8Array | null, other: Uint8Array | null): boolean {
  return one === null || other === null ? one === other : equalBytes(one, other);
}

/** Throws where a rehearsal cannot go on at all: the record itself does not hold. */
export function checkSound(
  verdict: string,
  firstBad: { seq: number; problem: string } | null,
): void {
  if (verdict !== "broken" || firstBad === null) return;
  const { seq, problem } = firstBad;
  const message = `The chain is broken at event ${seq} (${problem}): verify it before anything else runs.`;
  throw new TheaterError("chain-broken", message, { seq, problem });
}
