// Which of the operator's variables an actor may read. Rule: what is denied is denied whatever else is
// said; what nothing allows is not there.

import type { Value } from "../chain/value.ts";
import { common, either, nested, type Meet } from "./narrow.ts";

/** The grant of `environment`. What is absent allows nothing. */
export interface EnvironmentGrant {
  allowedVars?: readonly string[];
  deniedVars?: readonly string[];
  allowedPrefixes?: readonly string[];
  allowListAll?: boolean;
  /** Secrets by whose name the actor may get a placeholder. */
  secrets?: readonly string[];
}

export const environmentGrant = (grant: Value): EnvironmentGrant =>
  (grant ?? {}) as EnvironmentGrant;

/** Denied names first, then allowed ones, then allowed prefixes. */
export function mayReadVariable(grant: EnvironmentGrant, name: string): boolean {
  if (grant.deniedVars?.includes(name) === true) return false;
  if (grant.allowedVars?.includes(name) === true) return true;
  return grant.allowedPrefixes?.some((prefix) => name.startsWith(prefix)) === true;
}

/** Whether the name stands for a secret, of which the actor gets the placeholder. */
export function maySpeakOfSecret(grant: EnvironmentGrant, name: string): boolean {
  return grant.deniedVars?.includes(name) !== true && grant.secrets?.includes(name) === true;
}

/** What two grants both allow. A name may be allowed by a list on one side and by a prefix on the other. */
export const meetOfGrants: Meet = (held, asked) => {
  if ([held, asked].some((grant) => Object.keys(environmentGrant(grant)).length === 0)) return {};
  const grants = [environmentGrant(held), environmentGrant(asked)] as const;
  const allow = (name: string): boolean =>
    grants.every(({ allowedVars, allowedPrefixes }) =>
      mayReadVariable(
        { allowedVars: allowedVars ?? [], allowedPrefixes: allowedPrefixes ?? [] },
        name,
      ),
    );
  const listed = (key: "allowedVars" | "deniedVars" | "allowedPrefixes" | "secrets") =>
    grants.map((grant): Value => grant[key] ?? []) as [Value, Value];
  const named = either(...listed("allowedVars")) as readonly string[];
  return {
    allowedVars: named.filter(allow),
    deniedVars: either(...listed("deniedVars")),
    allowedPrefixes: nested((outer, inner) => inner.startsWith(outer))(
      ...listed("allowedPrefixes"),
    ),
    allowListAll: grants.every(({ allowListAll }) => allowListAll === true),
    secrets: common(...listed("secrets")),
  };
};
