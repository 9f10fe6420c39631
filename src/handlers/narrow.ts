// How two grants of one handler meet: what both allow, and nothing else. Each key of a handler's parsed
// configuration meets in one of the ways below.
//
// Rule: absent means none. A key that either side lacks comes out absent, so a `config` fills in its
// defaults when it parses, and a handler that reads a grant takes an absent key as nothing allowed.

import type { Value } from "../chain/value.ts";

/** How the values of one key meet. Must not depend on the order of its two arguments, but for order in lists. */
export type Meet = (held: Value, asked: Value) => Value;

/** What two grants both allow, key by key: commutative in meaning, idempotent, never more than either. */
export function narrowing(keys: Readonly<Record<string, Meet>>): Meet {
  return (held, asked) => {
    const met: Record<string, Value> = {};
    for (const [key, meet] of Object.entries(keys)) {
      const [mine, wanted] = [at(held, key), at(asked, key)];
      if (mine !== undefined && wanted !== undefined) met[key] = meet(mine, wanted);
    }
    return met;
  };
}

/** Limits: the smaller number. What is no number allows nothing. */
export const least: Meet = (held, asked) => {
  if (!isNumber(held) || !isNumber(asked)) return 0;
  return held <= asked ? held : asked;
};

/** Floors, as a smallest time to sleep: the larger number. What is no number is a floor nobody reaches. */
export const greatest: Meet = (held, asked) => {
  if (!isNumber(held) || !isNumber(asked)) return Number.MAX_SAFE_INTEGER;
  return held >= asked ? held : asked;
};

/** Permissions: both must say yes. */
export const both: Meet = (held, asked) => held === true && asked === true;

/** Prohibitions, as a list of denied names: whatever either forbids. */
export const either: Meet = (held, asked) => [...new Set([...texts(held), ...texts(asked)])];

/** Names: those that stand in both lists. */
export const common: Meet = (held, asked) => {
  const wanted = new Set(texts(asked));
  return [...new Set(texts(held))].filter((name) => wanted.has(name));
};

/**
 * Patterns: of two that nest, the inner one. `covers(outer, inner)` must be such that any two patterns
 * either nest or have nothing in common, as host wildcards and path prefixes do.
 */
export function nested(covers: (outer: string, inner: string) => boolean): Meet {
  return (held, asked) => {
    const met = texts(held).flatMap((mine) =>
      texts(asked).flatMap((wanted) => {
        if (covers(mine, wanted)) return [wanted];
        return covers(wanted, mine) ? [mine] : [];
      }),
    );
    const once = [...new Set(met)];
    return once.filter((inner) => !once.some((outer) => outer !== inner && covers(outer, inner)));
  };
}

/** Hosts in lower case: "*" is every host, "*.example.com" those below example.com but not itself. */
export function coversHost(outer: string, inner: string): boolean {
  if (outer === "*" || outer === inner) return true;
  return outer.startsWith("*.") && inner !== "*" && inner.endsWith(outer.slice(1));
}

/** Normalised absolute paths: "/a" covers itself and "/a/b", but not "/ab". */
export function coversPath(outer: string, inner: string): boolean {
  const folder = outer.endsWith("/") ? outer : `${outer}/`;
  return outer === inner || `${inner}/`.startsWith(folder);
}

/** Names, or prefixes of names that end in "*": "APP_*" covers "APP_KEY" and "APP_DB_*". */
export function coversName(outer: string, inner: string): boolean {
  return outer === inner || (outer.endsWith("*") && inner.startsWith(outer.slice(0, -1)));
}

function at(grant: Value, key: string): Value | undefined {
  if (typeof grant !== "object" || grant === null || !Object.hasOwn(grant, key)) return undefined;
  return (grant as { readonly [key: string]: Value })[key];
}

function isNumber(value: Value): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function texts(value: Value): string[] {
  return Array.isArray(value)
    ? (value as readonly Value[]).filter((each) => typeof each === "string")
    : [];
}
