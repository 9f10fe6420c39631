// The tables that speak of handlers: [[handler]], what an actor asks for, and [permission_policy.<handler>],
// what its children may get of it. Both are read by the handler's own schema.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import type { Handler } from "../handlers/handler.ts";
import type { Registry } from "../handlers/registry.ts";
import { badKey, badTable, nearest } from "./refusal.ts";

/** Parsed configurations by handler type. */
export type Grants = Readonly<Record<string, Value>>;

/** What children may get of one handler. Without a policy they inherit. */
type Policy = { type: "inherit" } | { type: "restrict"; config: Value } | { type: "disallow" };
export type Policies = Readonly<Record<string, Policy>>;

export const handlerTables = z.array(z.looseObject({ type: z.string() })).max(32);

/** Throws `bad-manifest` for an unknown handler, one that stands twice, and a wrong configuration. */
export function readHandlers(tables: z.infer<typeof handlerTables>, registry: Registry): Grants {
  const grants: Record<string, Value> = {};
  for (const { type, ...config } of tables) {
    const handler = known(type, { registry, key: "handler.type", spelling: (each) => each });
    const grant = readConfig(handler, config, {
      path: `handler.${type}`,
      title: `handler ${type}`,
    });
    const name = handler.grantName?.(grant) ?? type;
    if (Object.hasOwn(grants, name)) {
      const message = `The handler "${name}" stands twice: put all its keys in one [[handler]] table.`;
      throw badKey("handler.type", { message, found: type });
    }
    grants[name] = grant;
  }
  return grants;
}

export const policyTables = z.record(
  z.string(),
  z.strictObject({
    type: z.enum(["inherit", "restrict", "disallow"]).default("inherit"),
    config: z.looseObject({}).optional(),
  }),
);

/** By handler type, however the table spells it: `http_client` is the handler `http-client`. */
export function readPolicies(tables: z.infer<typeof policyTables>, registry: Registry): Policies {
  const policies: Record<string, Policy> = {};
  for (const [name, { type, config }] of Object.entries(tables)) {
    const path = `permission_policy.${name}`;
    const handler = known(typeOf(name, registry), { registry, key: path, spelling: tableName });
    if (handler.type in policies) {
      const message = `The permission policy of "${handler.type}" stands twice: keep [permission_policy.${tableName(handler.type)}].`;
      throw badKey(path, { message });
    }
    if ((type === "restrict") !== (config !== undefined)) {
      const message =
        type === "restrict"
          ? `Say what is left with a table [${path}.config], which has the keys of [[handler]] type = "${handler.type}".`
          : `Remove [${path}.config], or write type = "restrict".`;
      throw badKey(path, { message });
    }
    policies[handler.type] =
      type === "restrict"
        ? {
            type,
            config: readConfig(handler, config ?? {}, {
              path: `${path}.config`,
              title: `${path}.config`,
            }),
          }
        : { type };
  }
  return policies;
}

/** `http-client` as a table's name: bare TOML keys of the contract have underscores. */
export function tableName(type: string): string {
  return type.replaceAll("-", "_");
}

/** `http_client`, `http-client` and the original's `file_system` are all found. */
function typeOf(name: string, { handlers }: Registry): string {
  const plain = (text: string): string => text.replaceAll(/[_-]/g, "");
  return handlers.find(({ type }) => plain(type) === plain(name))?.type ?? name;
}

function known(
  type: string,
  {
    registry,
    key,
    spelling,
  }: { registry: Registry; key: string; spelling: (type: string) => string },
): Handler {
  const handler = registry.find(type);
  if (handler !== undefined) return handler;
  const all = registry.handlers.map((each) => spelling(each.type));
  const message = `There is no handler "${type}"${nearest(type, all)}; there are ${all.join(", ")}.`;
  throw badKey(key, { message, found: type });
}

function readConfig(
  { config: schema }: Handler,
  table: Record<string, unknown>,
  at: { path: string; title: string },
): Value {
  const parsed = schema.safeParse(table);
  if (parsed.success) return parsed.data;
  const shape = schema as { shape?: object; in?: { shape?: object } };
  const keys = Object.keys(shape.shape ?? shape.in?.shape ?? {});
  throw badTable(parsed.error, { ...at, keys });
}
