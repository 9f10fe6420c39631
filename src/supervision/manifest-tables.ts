// The manifest's `[supervisor]` and `[[child]]` tables. An unknown key or value is an error that names it
// and the nearest known one; what OTP refuses as a bad combination is refused here.

import { z } from "zod";
import { TheaterError } from "../lib/errors.ts";
import { didYouMean } from "../lib/nearest.ts";
import {
  AUTO_SHUTDOWNS,
  BACKOFF_MS_MAX,
  CHILD_DEFAULT,
  CHILDREN_MAX,
  EXIT_KINDS,
  HOOK_ACTIONS,
  INTENSITY_MAX,
  PERIOD_MS_MAX,
  problemOfChild,
  RESTARTS,
  SHUTDOWN_MS_MAX,
  START_FROM,
  STRATEGIES,
  SUPERVISOR_DEFAULT,
  UNSUPERVISED,
  type ChildPolicy,
  type ChildSpec,
  type ExitKind,
  type SupervisorSpec,
} from "./spec.ts";

/** What a `[[child]]` runs, as written. */
interface ChildSource {
  /** A path, a digest or a store reference, as for `theater start`. */
  readonly manifest: string;
  /** Null: its manifest's. */
  readonly initState: string | null;
}

export interface Supervision {
  readonly spec: SupervisorSpec;
  /** By the name of each child in `spec.children`. */
  readonly sources: ReadonlyMap<string, ChildSource>;
}

/** JSON can say -0, which the chain cannot hold. */
const whole = (min: number, max: number) =>
  z
    .int()
    .min(min)
    .max(max)
    .transform((n) => n + 0);

const hook = z.enum(HOOK_ACTIONS).optional();
const on = z
  .strictObject(
    Object.fromEntries(EXIT_KINDS.map((kind) => [kind, hook])) as Record<ExitKind, typeof hook>,
  )
  .default({});

const backoff = z
  .strictObject({
    min_ms: whole(0, BACKOFF_MS_MAX).default(100),
    max_ms: whole(0, BACKOFF_MS_MAX).default(30_000),
    factor: z.number().min(1).max(100).default(2),
    jitter: z.number().min(0).max(1).default(0.2),
  })
  .refine(({ min_ms, max_ms }) => min_ms <= max_ms, "min_ms is above max_ms")
  .transform(({ min_ms, max_ms, factor, jitter }) => ({
    minMs: min_ms,
    maxMs: max_ms,
    factor,
    jitter,
  }));

const POLICY_SHAPE = {
  restart: z.enum(RESTARTS).default(CHILD_DEFAULT.restart),
  shutdown: z
    .union([whole(0, SHUTDOWN_MS_MAX), z.enum(["brutal-kill", "infinity"])], {
      error: `milliseconds from 0 to ${SHUTDOWN_MS_MAX}, "brutal-kill" or "infinity"`,
    })
    .default(CHILD_DEFAULT.shutdown),
  significant: z.boolean().default(false),
  start_from: z.enum(START_FROM).default(CHILD_DEFAULT.startFrom),
  backoff: backoff.optional(),
  on,
};

const policy = z.strictObject(POLICY_SHAPE);

const child = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i, "1 to 63 characters of a-z, 0-9, . _ and -"),
  manifest: z.string().min(1).max(512),
  init_state: z.string().optional(),
  ...POLICY_SHAPE,
});

const supervisor = z.strictObject({
  strategy: z.enum(STRATEGIES).default(SUPERVISOR_DEFAULT.strategy),
  intensity: whole(0, INTENSITY_MAX).default(SUPERVISOR_DEFAULT.intensity),
  period_ms: whole(1, PERIOD_MS_MAX).default(SUPERVISOR_DEFAULT.periodMs),
  auto_shutdown: z.enum(AUTO_SHUTDOWNS).default(SUPERVISOR_DEFAULT.autoShutdown),
  backoff: backoff.optional(),
  on,
  /** Of children that the guest spawns. */
  spawned: policy.prefault({}),
});

/** What the manifest has under these names. */
const supervisionTables = z.strictObject({
  supervisor: supervisor.optional(),
  child: z.array(child).max(CHILDREN_MAX).default([]),
});

/**
 * Reads the two tables, each undefined where the manifest has none. Throws `bad-manifest` with the key
 * in its evidence.
 */
export function parseSupervision(tables: { supervisor?: unknown; child?: unknown }): Supervision {
  const given = { supervisor: tables.supervisor, child: tables.child };
  refuseProto(given, "manifest");
  if (given.supervisor === undefined && given.child === undefined) {
    return { spec: UNSUPERVISED, sources: new Map() };
  }
  const parsed = supervisionTables.safeParse(given);
  if (!parsed.success) throw explained(parsed.error, given);
  const table = parsed.data.supervisor ?? supervisor.parse({});
  const spec: SupervisorSpec = {
    strategy: table.strategy,
    intensity: table.intensity,
    periodMs: table.period_ms,
    autoShutdown: table.auto_shutdown,
    backoff: table.backoff ?? SUPERVISOR_DEFAULT.backoff,
    on: table.on,
    children: parsed.data.child.map((each): ChildSpec => ({ id: each.name, ...policyOf(each) })),
    spawned: policyOf(table.spawned),
  };
  refuseCombinations(spec);
  const sources = parsed.data.child.map(
    ({ name, manifest, init_state }) =>
      [name, { manifest, initState: init_state ?? null }] as const,
  );
  return { spec, sources: new Map(sources) };
}

function policyOf(table: z.infer<typeof policy>): ChildPolicy {
  const { restart, shutdown, significant, start_from, on: hooks } = table;
  return {
    restart,
    shutdown,
    significant,
    startFrom: start_from,
    backoff: table.backoff ?? null,
    on: hooks,
  };
}

/** OTP's `bad_combination` and `duplicate_child_name`. */
function refuseCombinations(spec: SupervisorSpec): void {
  if (spec.strategy === "simple-one-for-one" && spec.autoShutdown !== "never") {
    const message = 'a "simple-one-for-one" supervisor cannot shut itself down: remove it';
    throw wrong("supervisor.auto_shutdown", message);
  }
  if (spec.strategy === "simple-one-for-one" && spec.children.length > 0) {
    const message =
      'a "simple-one-for-one" supervisor starts none itself: remove the [[child]] tables and put their policy into [supervisor.spawned]';
    throw wrong("child", message);
  }
  const names = new Set<string>();
  for (const [index, each] of spec.children.entries()) {
    if (names.has(each.id)) throw wrong(`child.${index}.name`, `"${each.id}" stands twice`);
    names.add(each.id);
    const problem = problemOfChild(spec, each);
    if (problem !== null) throw wrong(`child.${index}.${problem.key}`, problem.message);
  }
  const problem = problemOfChild(spec, spec.spawned);
  if (problem !== null) throw wrong(`supervisor.spawned.${problem.key}`, problem.message);
}

function explained(error: z.ZodError, given: unknown): TheaterError {
  // A mistyped key first: what is missing because of it follows from that.
  const issue = error.issues.find(({ code }) => code === "unrecognized_keys") ?? error.issues.at(0);
  const path = issue?.path.map(String) ?? [];
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const message = `unknown key "${key}"${didYouMean(key, keysAt(path))}`;
    return wrong([...path, key].join("."), message);
  }
  const found = valueAt(given, path);
  if (issue?.code === "invalid_value" && typeof found === "string") {
    const known = issue.values.map(String);
    const message = `"${found}" is none of ${known.join(", ")}${didYouMean(found, known)}`;
    return wrong(path.join("."), message);
  }
  return wrong(path.join("."), issue?.message ?? "invalid");
}

function wrong(key: string, message: string): TheaterError {
  const end = message.endsWith("?") ? "" : ".";
  return new TheaterError("bad-manifest", `${key}: ${message}${end}`, { key });
}

/** The keys that a table knows. */
function keysAt(path: readonly string[]): readonly string[] {
  const table = path.at(-1);
  if (table === "on") return EXIT_KINDS;
  if (table === "backoff") return ["min_ms", "max_ms", "factor", "jitter"];
  if (table === "spawned") return Object.keys(POLICY_SHAPE);
  return Object.keys(table === "supervisor" ? supervisor.shape : child.shape);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined,
    value,
  );
}

/** zod drops a key of this name silently, and a policy that is silently dropped is none. */
function refuseProto(value: unknown, where: string): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__")) {
    throw wrong(where, 'unknown key "__proto__": remove it');
  }
  for (const [key, inner] of Object.entries(value)) {
    refuseProto(inner, where === "manifest" ? key : `${where}.${key}`);
  }
}
