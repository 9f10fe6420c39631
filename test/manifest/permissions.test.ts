// Goal: no child ever holds more than its parent lets it hold, nor more than it asked for, in any handler,
// through any policy and any number of generations. Method: random manifests; "a is within b" is asked of the
// handler itself, as narrow(b, a) = a.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Value } from "../../src/chain/value.ts";
import { HANDLERS, Registry } from "../../src/handlers/registry.ts";
import { TheaterError } from "../../src/lib/errors.ts";
import type { Grants } from "../../src/manifest/handler-tables.ts";
import { readManifest, type Manifest } from "../../src/manifest/manifest.ts";
import {
  LEVELS_MAX,
  permissionsAtBirth,
  permissionsOfFork,
  type Permissions,
} from "../../src/manifest/permissions.ts";

const registry = new Registry(HANDLERS);

const some = (...names: string[]) => fc.subarray(names);
const optional = (keys: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> =>
  fc.record(keys, { requiredKeys: [] });

/** Random tables of handlers that have keys; of all others, and of ones not yet here, the empty table. */
const CONFIGS: Readonly<Record<string, fc.Arbitrary<object>>> = {
  random: optional({ max_bytes: fc.nat(100), max_int: fc.nat(100) }),
  store: optional({ stores: some("s1", "s2", "s3") }),
  timing: optional({ max_sleep_duration: fc.nat(100), min_sleep_duration: fc.nat(100) }),
  environment: optional({
    allowed_vars: some("A", "B", "APP_KEY"),
    denied_vars: some("A", "C"),
    allowed_prefixes: some("APP_", "APP_DB_"),
    allow_list_all: fc.boolean(),
  }),
  "http-client": optional({
    allowed_hosts: some("example.com", "*.example.com", "api.example.com", "*"),
    allowed_methods: some("GET", "POST"),
  }),
  filesystem: optional({
    read: fc.boolean(),
    write: fc.boolean(),
    allowed_paths: some("/a", "/a/b", "/c"),
  }),
};

const configOf = (type: string): fc.Arbitrary<object> => CONFIGS[type] ?? fc.constant({});

/** Handlers for which the table can be read: others have keys that must be there. */
const TYPES = HANDLERS.map(({ type }) => type).filter(
  (type) => registry.find(type)?.config.safeParse({}).success === true,
);

const policyOf = (type: string) =>
  fc.oneof(
    fc.constant(undefined),
    fc.constant({ type: "inherit" }),
    fc.constant({ type: "disallow" }),
    configOf(type).map((config) => ({ type: "restrict", config })),
  );

function allOf<X>(each: (type: string) => fc.Arbitrary<X>): fc.Arbitrary<[string, X][]> {
  return fc.tuple(...TYPES.map((type) => each(type).map((value): [string, X] => [type, value])));
}

const manifest: fc.Arbitrary<Manifest> = fc
  .tuple(
    allOf((type) => fc.option(configOf(type), { freq: 3, nil: undefined })),
    allOf(policyOf),
  )
  .map(([handlers, policies]) => {
    const table = {
      name: "a",
      version: "1",
      component: "sha256:00",
      handler: handlers.flatMap(([type, config]) =>
        config === undefined ? [] : [{ type, ...config }],
      ),
      permission_policy: Object.fromEntries(
        policies.flatMap(([type, policy]) => (policy === undefined ? [] : [[type, policy]])),
      ),
    };
    return readManifest(table, registry).manifest;
  });

/** Asks for few handlers: one that asks for all of them is nearly always refused for one of them. */
const modest: fc.Arbitrary<Manifest> = fc
  .tuple(manifest, fc.subarray(TYPES, { minLength: 1, maxLength: 2 }))
  .map(([whole, types]) => {
    const handlers = Object.entries(whole.handlers).filter(([type]) => types.includes(type));
    return { ...whole, handlers: Object.fromEntries(handlers) };
  });

/** One form for each meaning: nothing that another entry covers, and lists in order. */
function normal(type: string, limit: Value, grant: Value): unknown {
  const met = registry.find(type)?.narrow(limit, grant) ?? null;
  return Object.fromEntries(
    Object.entries(met as Record<string, Value>).map(([key, value]) => [
      key,
      Array.isArray(value) ? [...value].map(String).toSorted() : value,
    ]),
  );
}

const normalized = (grants: Grants): unknown =>
  Object.fromEntries(
    Object.entries(grants).map(([type, grant]) => [type, normal(type, grant, grant)]),
  );

/** Throws where a grant allows anything that the limit does not. */
function expectWithin(grants: Grants, limits: Grants): void {
  for (const [type, grant] of Object.entries(grants)) {
    expect(Object.keys(limits)).toContain(type);
    expect(normal(type, limits[type] ?? null, grant)).toEqual(normal(type, grant, grant));
  }
}

function born(
  asked: Manifest,
  parent: { id: string; permissions: Permissions } | null,
): Permissions | undefined {
  try {
    return permissionsAtBirth(asked, parent, registry);
  } catch (thrown) {
    if (thrown instanceof TheaterError && thrown.code === "not-granted") return undefined;
    throw thrown;
  }
}

const PARENT = "p".repeat(32);

test("no child widens: it is within its parent's policy, its parent's grants and its own manifest", () => {
  let births = 0;
  fc.assert(
    fc.property(manifest, fc.array(modest, { minLength: 1, maxLength: 3 }), (root, line) => {
      let parent = permissionsAtBirth(root, null, registry);
      expect(parent.held).toEqual(root.handlers);
      for (const asked of line) {
        const child = born(asked, { id: PARENT, permissions: parent });
        if (child === undefined) return;
        if (Object.keys(child.held).length > 0) births++;
        expectWithin(child.held, parent.inheritable);
        expectWithin(child.held, parent.held);
        expectWithin(child.held, asked.handlers);
        expectWithin(child.inheritable, child.held);
        parent = child;
      }
    }),
    { numRuns: 1_000 },
  );
  expect(births).toBeGreaterThan(200); // else the property says nothing
});

test("a child that asks for exactly what it may have gets exactly that", () => {
  fc.assert(
    fc.property(manifest, (root) => {
      const parent = permissionsAtBirth(root, null, registry);
      const { inheritable } = parent;
      const asked = { handlers: inheritable, policies: {} };
      const child = permissionsAtBirth(asked, { id: PARENT, permissions: parent }, registry);
      expect(normalized(child.held)).toEqual(normalized(inheritable));
      expect(normalized(child.inheritable)).toEqual(normalized(inheritable));
    }),
    { numRuns: 500 },
  );
});

test("a parent with nothing has children with nothing", () => {
  fc.assert(
    fc.property(manifest, (asked) => {
      const nothing = { id: PARENT, permissions: { held: {}, inheritable: {}, levels: 9 } };
      const child = born(asked, nothing);
      expect(child?.held ?? {}).toEqual({});
      expect(child === undefined).toBe(Object.keys(asked.handlers).length > 0);
    }),
    { numRuns: 200 },
  );
});

test("a policy is found under every spelling of its handler", () => {
  for (const name of ["message_server", "message-server"]) {
    const policies = { [name]: { type: "disallow" } };
    const table = { name: "a", version: "1", component: "c", permission_policy: policies };
    const { manifest: read } = readManifest(table, registry);
    expect(read.policies).toEqual({ "message-server": { type: "disallow" } });
  }
});

test("a handler that the parent lacks is told from one that its policy keeps back", () => {
  const asked = { handlers: { random: { maxBytes: 1, maxInt: 1 } }, policies: {} };
  const refusal = (permissions: Permissions): unknown => {
    try {
      return permissionsAtBirth(asked, { id: PARENT, permissions }, registry);
    } catch (thrown) {
      return (thrown as TheaterError).evidence;
    }
  };
  const random = { maxBytes: 5, maxInt: 5 };
  expect(refusal({ held: {}, inheritable: {}, levels: 9 })).toMatchObject({
    handler: "random",
    by: "grant",
  });
  expect(refusal({ held: { random }, inheritable: {}, levels: 9 })).toMatchObject({ by: "policy" });
  const nothing = { maxBytes: 0, maxInt: 5 };
  expect(refusal({ held: { random }, inheritable: { random: nothing }, levels: 9 })).toMatchObject({
    key: "max_bytes",
    by: "policy",
  });
  expect(
    refusal({ held: { random: nothing }, inheritable: { random: nothing }, levels: 9 }),
  ).toMatchObject({
    key: "max_bytes",
    by: "grant",
  });
});

test("a tree has at most 16 levels below its root, and a fork has no more than its origin", () => {
  const asked = { handlers: {}, policies: {} };
  let permissions = permissionsAtBirth(asked, null, registry);
  for (let level = 1; level <= LEVELS_MAX; level++) {
    const fork = permissionsOfFork(asked, { id: PARENT, permissions }, registry);
    expect(fork.levels).toBe(permissions.levels);
    permissions = permissionsAtBirth(asked, { id: PARENT, permissions }, registry);
    expect(permissions.levels).toBe(LEVELS_MAX - level);
  }
  const further = (): unknown => permissionsAtBirth(asked, { id: PARENT, permissions }, registry);
  expect(further).toThrow(expect.objectContaining({ code: "too-deep" }));
});
