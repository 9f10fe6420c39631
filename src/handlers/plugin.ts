// `[[handler]] type = "plugin"`: an interface that another Worker serves, bound by the operator as
// PLUGIN_<service>. Each table grants one interface.
//
// Rule: genesis pins what the plug-in said it serves. A plug-in that changes later cannot change what an
// actor may be answered, nor what its chain means.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import { readWit } from "../executor/wit-read.ts";
import { asGrant, grantName, narrowPlugin, type PluginGrant } from "./plugin-grant.ts";
import { denied, type Effect, type Handler, type HostFunction } from "./handler.ts";
import { PLUGIN_MS_MAX, type PluginService } from "./plugin-service.ts";

const CALL_MS = 10_000;
/** A deployment's own settings belong into the plug-in; this is what one actor may do with it. */
const CONFIG_KEYS_MAX = 64;

const setting: z.ZodType<Value> = z.union([
  z.string(),
  z.boolean(),
  z.number().transform((n) => n + 0), // JSON can say -0, which the chain cannot hold
]);

/** The grant before it is pinned. */
const config = z
  .strictObject({
    interface: z
      .string()
      .max(100)
      .regex(/^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*(@[0-9A-Za-z.+-]+)?$/, {
        error: 'name the WIT interface, as in "example:weather/forecast"',
      }),
    service: z.string().regex(/^[A-Z][A-Z0-9_]{0,62}$/, {
      error: 'name the plug-in as the operator bound it: "WEATHER" for the binding PLUGIN_WEATHER',
    }),
    call_ms: z.int().positive().max(PLUGIN_MS_MAX).default(CALL_MS),
    config: z
      .record(z.string().max(64), z.union([setting, z.array(setting).max(1_000)]))
      .refine((keys) => Object.keys(keys).length <= CONFIG_KEYS_MAX)
      .default({}),
  })
  .transform(({ call_ms, ...others }) => ({ ...others, callMs: call_ms }));

/** What all such grants have in common. The functions of one are in `servedPlugin`. */
export const plugin: Handler = {
  type: "plugin",
  may: "use a plug-in in another Worker",
  imports: [],
  exports: [],
  config,
  grantName: (grant) => grantName(asGrant(grant)?.interface ?? ""),
  narrow: narrowPlugin,
  pure: {},
  functions: {},
};

/** The handler of one pinned grant. Throws `bad-request` for a text that cannot be read. */
export function servedPlugin(grant: PluginGrant, service: PluginService): Handler {
  const signatures = readWit(grant.wit);
  const served = [...signatures].filter(([about]) => about.startsWith(`${grant.interface}#`));
  const functions = served.map(([about, signature]): [string, HostFunction] => {
    const effect = grant.effects[about.slice(grant.interface.length + 1)] ?? "unsafe";
    const call: HostFunction["call"] = async ({ actor, callId, grant: held }, args) => {
      const given = asGrant(held);
      if (given === undefined) return denied(`${grant.interface} is not granted`);
      const { config: settings, callMs } = given;
      const pinned = { ...grant, callMs };
      return await service.call(
        { about, args, config: settings, callId, actor },
        pinned,
        signature,
      );
    };
    return [about, { effect: effect as Effect, call }];
  });
  return {
    ...plugin,
    type: grantName(grant.interface),
    imports: [grant.interface],
    wit: grant.wit,
    functions: Object.fromEntries(functions),
  };
}
