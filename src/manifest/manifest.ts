// The manifest: what to run and what it may do. Unknown keys are errors that name the nearest known one,
// and keys that this version does not serve are refused rather than ignored. `docs/manifest.md` has them all.

import { z } from "zod";
import type { Registry } from "../handlers/registry.ts";
import type { TheaterError } from "../lib/errors.ts";
import { parseSupervision, type Supervision } from "../supervision/manifest-tables.ts";
import {
  handlerTables,
  policyTables,
  readHandlers,
  readPolicies,
  type Grants,
  type Policies,
} from "./handler-tables.ts";
import { LIMIT_KEYS, limitsTable, refuseLaterLimits, type Limits } from "./limits.ts";
import { badKey, badTable } from "./refusal.ts";
import { substitute } from "./template.ts";
import { readTable, type ManifestSource } from "./toml.ts";

const manifest = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i, "1 to 63 characters of a-z, 0-9, . _ and -"),
  version: z.string().min(1).max(64),
  component: z.string().min(1).max(512),
  description: z.string().max(4096).optional(),
  long_description: z.string().max(65_536).optional(),
  init_state: z.string().optional(),
  instance: z.enum(["fresh"]).default("fresh"),
  save_chain: z.literal(true, "Remove it: the chain of every actor is kept").optional(),
  limits: limitsTable,
  handler: handlerTables.default([]),
  permission_policy: policyTables.default({}),
  supervisor: z.unknown().optional(),
  child: z.unknown().optional(),
});

export const MANIFEST_KEYS: readonly string[] = Object.keys(manifest.shape);

/** Keys of other versions of Theater, and what they are called here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  package: "write component",
  static_package: "a component is always fetched once and pinned to its digest",
  initial_state: "write init_state",
  permissions: "write [permission_policy.<handler>]",
};

export interface Manifest {
  name: string;
  version: string;
  /** As written: a digest or another reference. */
  component: string;
  /** As written; not part of what genesis commits to. */
  initState: string | null;
  limits: Limits;
  /** The parsed configuration of each handler that it asks for, by type. */
  handlers: Grants;
  /** What its children may get, by handler type. */
  policies: Policies;
  /** The children as written: a manifest is a digest or another reference. */
  supervision: Supervision;
}

export interface ReadManifest {
  manifest: Manifest;
  /** The manifest as a table, variables replaced: what the resolved manifest is written from. */
  table: Record<string, unknown>;
}

/** Reads a manifest and checks every key. `variables` is a JSON object. Throws `bad-manifest` or `unsupported`. */
export function readManifest(
  source: ManifestSource,
  registry: Registry,
  variables: unknown = {},
): ReadManifest {
  const table = substitute(readTable(source), variables, ["init_state"]);
  for (const [key, instead] of Object.entries(ELSEWHERE)) {
    if (!Object.hasOwn(table, key)) continue;
    throw badKey(key, { message: `Remove ${key}: ${instead}.` });
  }
  refuseLaterLimits(table["limits"]);
  const parsed = manifest.safeParse(table);
  if (!parsed.success) throw refusalOf(parsed.error);
  const { name, version, component, init_state, limits, handler, permission_policy } = parsed.data;
  const { supervisor, child } = parsed.data;
  return {
    table,
    manifest: {
      name,
      version,
      component,
      initState: init_state ?? null,
      limits,
      handlers: readHandlers(handler, registry),
      policies: readPolicies(permission_policy, registry),
      supervision: parseSupervision({ supervisor, child }),
    },
  };
}

/** Known keys of the tables in the manifest; those of handlers are the handlers' own. */
const TABLE_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": MANIFEST_KEYS,
  limits: LIMIT_KEYS,
};
const POLICY_KEYS = ["type", "config"];

function refusalOf(error: z.ZodError): TheaterError {
  const [issue] = error.issues;
  const path = issue?.path.join(".") ?? "";
  const inPolicy = path.startsWith("permission_policy.");
  const keys = inPolicy ? POLICY_KEYS : (TABLE_KEYS[path] ?? []);
  if (issue?.code !== "unrecognized_keys" || path === "") {
    return badTable(error, { path: "", keys, title: "manifest" });
  }
  const inner = new z.ZodError([{ ...issue, path: [] }]);
  return badTable(inner, { path, keys, title: path });
}
