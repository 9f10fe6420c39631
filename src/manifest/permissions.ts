// What an actor may do, worked out once, at its birth: parent ∩ policy ∩ manifest. The result stands in the
// genesis and is all that is ever looked at afterwards.
//
// Invariants: absent means none; no actor holds more than its parent lets children hold; a start that asks
// for something and would get nothing of it is refused, and the refusal says whose key forbids it.

import type { Value } from "../chain/value.ts";
import type { Registry } from "../handlers/registry.ts";
import { TheaterError } from "../lib/errors.ts";
import { tableName, type Grants, type Policies } from "./handler-tables.ts";

export interface Permissions {
  /** What the actor may do. */
  held: Grants;
  /** What its children may do at most. */
  inheritable: Grants;
  /** Levels of actors that may be below it. */
  levels: number;
}

/**
 * Levels below a root: each can multiply restarts, is one more to stop before the one above, and would let a guest that
 * spawns itself go on for ever.
 */
export const LEVELS_MAX = 16;

/** Whom it may not exceed: its parent, by default, or the origin of a fork. */
interface Above {
  id: string;
  permissions: Permissions;
  role?: string;
}

/** `parent` is null for an actor that an operator starts as a root: nobody but its manifest limits it. */
export function permissionsAtBirth(
  asked: { handlers: Grants; policies: Policies },
  parent: Above | null,
  registry: Registry,
): Permissions {
  const levels = parent === null ? LEVELS_MAX : levelsUnder(parent);
  const held: Record<string, Value> = {};
  for (const [type, config] of Object.entries(asked.handlers)) {
    held[type] = parent === null ? config : fromParent(type, config, parent, registry);
  }
  return { held, inheritable: inheritable(held, asked.policies, registry), levels };
}

/** Throws `too-deep`. */
function levelsUnder({ id, permissions: { levels } }: Above): number {
  if (levels > 0) return levels - 1;
  const message = `The parent ${id} is ${LEVELS_MAX} levels below its root, and may have no children: start the actor further up.`;
  throw new TheaterError("too-deep", message, { parent: id, limit: LEVELS_MAX });
}

/**
 * A fork asks for what a manifest says, like any start, and gets of it what its origin had: no fork is a way to more.
 */
export function permissionsOfFork(
  asked: { handlers: Grants; policies: Policies },
  origin: { id: string; permissions: Permissions },
  registry: Registry,
): Permissions {
  const { held: had, inheritable: passedOn, levels: under } = origin.permissions;
  // It stands beside its origin, not below it.
  const permissions = { held: had, inheritable: had, levels: under + 1 };
  const above = { ...origin, role: "origin", permissions };
  const { held, inheritable: passed, levels } = permissionsAtBirth(asked, above, registry);
  const narrowed = Object.entries(passed).flatMap(([type, grant]) => {
    const limit = own(passedOn, type);
    return limit === undefined ? [] : [[type, narrowing(registry)(type, limit, grant)] as const];
  });
  return { held, inheritable: Object.fromEntries(narrowed), levels };
}

/** Throws `not-granted`. */
function fromParent(
  type: string,
  asked: Value,
  { id, permissions, role = "parent" }: Above,
  registry: Registry,
): Value {
  const narrow = narrowing(registry);
  const [held, passed] = [own(permissions.held, type), own(permissions.inheritable, type)];
  if (held === undefined) {
    const message = `Remove [[handler]] type = "${type}": the ${role} ${id} does not hold it itself.`;
    throw new TheaterError("not-granted", message, { handler: type, parent: id, by: "grant" });
  }
  if (passed === undefined) {
    const message =
      `Remove [[handler]] type = "${type}": [permission_policy.${tableName(type)}] of the ${role} ${id} ` +
      `does not let its children have it.`;
    throw new TheaterError("not-granted", message, { handler: type, parent: id, by: "policy" });
  }
  const met = narrow(type, passed, asked);
  const key = firstLost(asked, met);
  if (key === undefined) return met;
  const byPolicy = firstLost(asked, narrow(type, held, asked)) === undefined;
  const [allowed, where] = byPolicy
    ? [passed, `[permission_policy.${tableName(type)}] of the ${role} ${id} leaves`]
    : [held, `the ${role} ${id} holds`];
  const message =
    `Ask for less in ${key} of [[handler]] type = "${type}": nothing of ${shown(asked, key)} is within ` +
    `what ${where}, ${shown(allowed, key)}.`;
  const by = byPolicy ? "policy" : "grant";
  throw new TheaterError("not-granted", message, { handler: type, key, parent: id, by });
}

function inheritable(held: Grants, policies: Policies, registry: Registry): Grants {
  const passed: Record<string, Value> = {};
  for (const [type, grant] of Object.entries(held)) {
    const policy = own(policies, registry.find(type)?.type ?? type) ?? { type: "inherit" };
    if (policy.type === "inherit") passed[type] = grant;
    if (policy.type === "restrict") passed[type] = narrowing(registry)(type, grant, policy.config);
  }
  return passed;
}

/** A handler that this deployment no longer has allows nothing. */
const narrowing =
  (registry: Registry) =>
  (type: string, held: Value, asked: Value): Value =>
    registry.find(type)?.narrow(held, asked) ?? {};

/** The first key, as a manifest spells it, of which something was asked and nothing is left. */
function firstLost(asked: Value, met: Value): string | undefined {
  const lost = Object.entries(fields(asked)).find(
    ([key, value]) => !isNothing(value) && isNothing(fields(met)[key]),
  );
  return lost === undefined ? undefined : snakeCase(lost[0]);
}

function isNothing(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === false || value === "") return true;
  if (value === 0 || value === 0n) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function shown(grant: Value, key: string): string {
  const value = Object.entries(fields(grant)).find(([each]) => snakeCase(each) === key)?.[1];
  return value === undefined ? "nothing" : textOf(value);
}

/** Of a long list the beginning: a refusal is to be read. */
const SHOWN_CHARS_MAX = 200;

function textOf(value: Value): string {
  const text = JSON.stringify(value, (_, each: unknown) =>
    typeof each === "bigint" ? Number(each) : each,
  );
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)}…`;
}

function fields(grant: Value): { readonly [key: string]: Value } {
  const isTable = typeof grant === "object" && grant !== null && !Array.isArray(grant);
  return isTable ? (grant as { readonly [key: string]: Value }) : {};
}

function own<X>(table: Readonly<Record<string, X>>, key: string): X | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
