// The component in force: what ran the turns behind an event, until another event puts another in its place.
// A replay takes it from the chain, and somebody who asks "what if" may put another one over it.

import type { Link, Value } from "../chain/value.ts";
import { decodePayload } from "../chain/payload.ts";
import { TheaterError } from "../lib/errors.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import type { LoadedModules, NamedModules } from "./source.ts";

export interface InForce extends LoadedModules {
  /** The event that says so: the genesis, or the newest `actor.upgraded`. */
  readonly since: number;
  /** What that event names, whatever really runs. */
  readonly recorded: NamedModules;
  /** Digest of the component that really runs. */
  readonly component: Uint8Array;
  /** Grants by handler type, as the isolate gets them. */
  readonly grants: Readonly<Record<string, Value>>;
  readonly stateBytesMax: number;
}

/** Puts something else in place of what is on record, for each component that comes into force. */
export type Override = (recorded: InForce) => InForce | Promise<InForce>;

interface InForceParts {
  modules: (named: NamedModules) => Promise<LoadedModules>;
  override?: Override | undefined;
}

export function changesComponent({ type }: { type: string }): boolean {
  return type === "actor.created" || type === "actor.upgraded";
}

/**
 * What is in force behind `event`, a genesis or an upgrade. `before` is what was; an upgrade keeps of it what it
 * does not name. Throws `chain-broken` for an event that says nothing.
 */
export async function inForceFrom(
  event: RecordedEvent,
  before: InForce | undefined,
  { modules, override = (recorded) => recorded }: InForceParts,
): Promise<InForce> {
  const { grants, stateBytesMax, ...named } = namedBy(event, before);
  const loaded = await modules(named);
  return await override({
    ...loaded,
    since: event.seq,
    recorded: named,
    component: named.component,
    grants,
    stateBytesMax,
  });
}

type Named = NamedModules & Pick<InForce, "grants" | "stateBytesMax">;

function namedBy({ seq, type, payload }: RecordedEvent, before: InForce | undefined): Named {
  if (payload !== null && type === "actor.created") {
    const { component, modules, grants, limits } = decodePayload(type, payload);
    const { stateBytes } = limits as { stateBytes: number };
    return { ...digests(component, modules), grants: heldOf(grants), stateBytesMax: stateBytes };
  }
  if (payload !== null && type === "actor.upgraded" && before !== undefined) {
    const { component, modules, grants } = decodePayload(type, payload);
    const { stateBytesMax } = before;
    return { ...digests(component, modules), grants: heldOf(grants), stateBytesMax };
  }
  const message = `Event ${seq} does not say what ran: verify the chain.`;
  throw new TheaterError("chain-broken", message, { seq });
}

function digests(component: Link, modules: Link): NamedModules {
  return { component: component.digest, modules: modules.digest };
}

/** Both kinds of event keep what the actor may do beside what its children may. */
function heldOf(grants: Value): InForce["grants"] {
  return (grants as unknown as { held: InForce["grants"] }).held;
}
