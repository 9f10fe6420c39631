// The manifest: what to run and what it may do. Unknown keys are errors that name the nearest known one,
// and keys that this version does not serve are refused rather than ignored.

import { parse, stringify } from "smol-toml";
import { z } from "zod";
import type { Value } from "../../chain/value.ts";
import type { Registry } from "../../handlers/registry.ts";
import { TheaterError } from "../../lib/errors.ts";

/** Limits by name, with what holds where the manifest is silent. */
export interface Limits {
  /** Bytes of a state that a turn may commit. */
  stateBytes: number;
  /** Bytes of one message. */
  messageBytes: number;
  /** Messages that may wait. */
  mailbox: number;
  /** Wall-clock time of one turn, ms: waiting for others included. */
  turnMs: number;
}

const LIMITS_MAX: Limits = {
  // A state crosses into the isolate and back with every turn, by RPC, which carries at most 32 MiB.
  stateBytes: 8 * 1024 * 1024,
  messageBytes: 1024 * 1024,
  mailbox: 10_000,
  turnMs: 15 * 60_000,
};

const LIMITS_DEFAULT: Limits = {
  stateBytes: 1024 * 1024,
  messageBytes: 1024 * 1024,
  mailbox: 1_000,
  turnMs: 30_000,
};

const limit = (max: number, otherwise: number) => z.int().positive().max(max).default(otherwise);

const limits = z
  .strictObject({
    state_bytes: limit(LIMITS_MAX.stateBytes, LIMITS_DEFAULT.stateBytes),
    message_bytes: limit(LIMITS_MAX.messageBytes, LIMITS_DEFAULT.messageBytes),
    mailbox: limit(LIMITS_MAX.mailbox, LIMITS_DEFAULT.mailbox),
    turn_ms: limit(LIMITS_MAX.turnMs, LIMITS_DEFAULT.turnMs),
  })
  .prefault({});

const manifest = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i, "1 to 63 characters of a-z, 0-9, . _ and -"),
  version: z.string().min(1).max(64),
  component: z.string().min(1).max(512),
  description: z.string().max(4096).optional(),
  init_state: z.string().optional(),
  instance: z.enum(["fresh"]).default("fresh"),
  limits,
  handler: z
    .array(z.looseObject({ type: z.string() }))
    .max(32)
    .default([]),
});

/** Keys that section 9 of the contract has and this version does not serve yet. */
const LATER: Record<string, string> = {
  supervisor: "supervision",
  permission_policy: "permissions of children",
};

export interface Manifest {
  name: string;
  version: string;
  /** As written: a digest or a `store://` reference. */
  component: string;
  /** As written, a literal; not part of what genesis commits to. */
  initState: string | null;
  limits: Limits;
  /** The parsed configuration of each granted handler, by type. */
  grants: Record<string, Value>;
}

/** Reads a manifest given as TOML text or as the same in JSON. Throws `bad-manifest` or `unsupported`. */
export function parseManifest(
  source: string | Record<string, unknown>,
  registry: Registry,
): Manifest {
  const table = typeof source === "string" ? parseToml(source) : source;
  for (const [key, feature] of Object.entries(LATER)) {
    if (!(key in table)) continue;
    throw new TheaterError(
      "unsupported",
      `Remove [${key}]: this version does not have ${feature} yet.`,
      { key },
    );
  }
  refuseProto(table["handler"]);
  const parsed = manifest.safeParse(table);
  if (!parsed.success) throw badManifest(parsed.error, Object.keys(manifest.shape));
  const { name, version, component, init_state, limits: given, handler } = parsed.data;
  return {
    name,
    version,
    component,
    initState: init_state ?? null,
    limits: {
      stateBytes: given.state_bytes,
      messageBytes: given.message_bytes,
      mailbox: given.mailbox,
      turnMs: given.turn_ms,
    },
    grants: parseGrants(handler, registry),
  };
}

/**
 * The manifest as genesis commits to it: TOML, with the component's digest in place of its reference, and
 * without the initial state, which is a parameter of the first turn.
 */
export function resolvedManifest(
  source: string | Record<string, unknown>,
  component: string,
): string {
  const { init_state: _, ...table } = typeof source === "string" ? parseToml(source) : source;
  return stringify({ ...table, component });
}

function parseToml(text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new TheaterError("bad-manifest", `The manifest is not valid TOML: ${message}`);
  }
}

/** zod drops a key of this name silently, and a grant that is silently dropped is no refusal. */
function refuseProto(tables: unknown): void {
  for (const table of Array.isArray(tables) ? (tables as unknown[]) : []) {
    if (typeof table !== "object" || table === null || !Object.hasOwn(table, "__proto__")) continue;
    const message = 'Unknown key "__proto__" in a [[handler]]: remove it.';
    throw new TheaterError("bad-manifest", message, { key: "__proto__" });
  }
}

function parseGrants(
  tables: readonly { type: string; [key: string]: unknown }[],
  registry: Registry,
): Record<string, Value> {
  const grants: Record<string, Value> = {};
  for (const { type, ...config } of tables) {
    const handler = registry.find(type);
    if (handler === undefined) {
      const known = registry.handlers.map((each) => each.type);
      const message = `There is no handler "${type}"${nearest(type, known)}; there are ${known.join(", ")}.`;
      throw new TheaterError("bad-manifest", message, { key: "handler.type", found: type });
    }
    const parsed = handler.config.safeParse(config);
    if (!parsed.success) {
      const shape = handler.config as { shape?: object; in?: { shape?: object } };
      throw badManifest(
        parsed.error,
        Object.keys(shape.shape ?? shape.in?.shape ?? {}),
        `handler ${type}`,
      );
    }
    const name = handler.grantName?.(parsed.data) ?? type;
    if (Object.hasOwn(grants, name)) {
      const message = `The handler "${name}" stands twice: put all its keys in one [[handler]] table.`;
      throw new TheaterError("bad-manifest", message, { key: "handler.type", found: type });
    }
    grants[name] = parsed.data;
  }
  return grants;
}

function badManifest(error: z.ZodError, known: string[], where = "manifest"): TheaterError {
  const [issue] = error.issues;
  const path = issue?.path.join(".") ?? "";
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const siblings =
      path === "limits" ? ["state_bytes", "message_bytes", "mailbox", "turn_ms"] : known;
    const at = path === "" ? where : path;
    const message = `Unknown key "${key}" in ${at}${nearest(key, siblings)}.`;
    return new TheaterError("bad-manifest", message, { key: path === "" ? key : `${path}.${key}` });
  }
  return new TheaterError(
    "bad-manifest",
    `${path === "" ? where : path}: ${issue?.message ?? "invalid"}.`,
    {
      key: path,
    },
  );
}

/** "; did you mean …?" for the known word with the smallest edit distance, if any is near. */
function nearest(word: string, known: readonly string[]): string {
  let best = { word: "", distance: 4 }; // further away it is another word, not a slip
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < best.distance) best = { word: candidate, distance };
  }
  return best.word === "" ? "" : `; did you mean "${best.word}"?`;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
