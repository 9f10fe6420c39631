// What genesis holds of an interface that another Worker serves.

import { encode } from "../chain/cbor.ts";
import type { Value } from "../chain/value.ts";
import { equalBytes } from "../lib/bytes.ts";

export interface PluginGrant {
  readonly interface: string;
  readonly service: string;
  readonly callMs: number;
  readonly config: { readonly [key: string]: Value };
  /** The text that the plug-in gave when the actor was started. */
  readonly wit: string;
  /** By function of the interface; `unsafe` where it says nothing. */
  readonly effects: { readonly [fn: string]: Value };
}

/** Several tables may stand in a manifest, one for each interface; this is the name of each grant. */
export const grantName = (name: string): string => `plugin:${name}`;

export function asGrant(grant: Value): PluginGrant | undefined {
  const isMap = typeof grant === "object" && grant !== null && "interface" in grant;
  return isMap ? (grant as unknown as PluginGrant) : undefined;
}

/**
 * A plug-in in another Worker keeps its own rules: nothing is known here of what its settings mean, so two
 * grants meet only where they are of the same interface, from the same service, with equal settings. What a
 * manifest or a policy asks for is not pinned yet, and takes what the other side has.
 */
export function narrowPlugin(held: Value, asked: Value): Value {
  const [mine, theirs] = [asGrant(held), asGrant(asked)];
  if (mine === undefined || theirs === undefined) return {};
  const isSame = (["interface", "service", "config", "wit", "effects"] as const).every((key) => {
    const [a, b] = [mine[key], theirs[key]];
    return a === undefined || b === undefined || sameForm(a, b);
  });
  if (!isSame) return {};
  const callMs = Math.min(mine.callMs, theirs.callMs);
  return { ...theirs, ...mine, callMs } as unknown as Value;
}

const sameForm = (a: Value, b: Value): boolean => equalBytes(encode(a), encode(b));
