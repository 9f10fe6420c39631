// What genesis holds of an interface that another Worker serves.

import type { Value } from "../chain/value.ts";

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
