// The plug-ins in other Workers that this deployment has: which of them serves an interface, what a new
// actor's genesis pins of them, and the handlers of an actor that has some.

import type { Value } from "../chain/value.ts";
import { sameSignature } from "../executor/wit-signature.ts";
import type { ComponentInterface } from "../executor/wit-type.ts";
import { TheaterError } from "../lib/errors.ts";
import type { Handler } from "./handler.ts";
import { servedPlugin } from "./plugin.ts";
import { asGrant, grantName, type PluginGrant } from "./plugin-grant.ts";
import { PluginService, type PluginBinding, type Served } from "./plugin-service.ts";
import { Registry } from "./registry.ts";

export class Plugins {
  readonly #services: ReadonlyMap<string, PluginService>;

  constructor(bindings: ReadonlyMap<string, PluginBinding>) {
    this.#services = new Map(
      [...bindings].map(([name, binding]) => [name, new PluginService(name, binding)]),
    );
  }

  /**
   * Of these imports of a component, those that some plug-in serves. Throws `unknown-import` for one that is
   * served, but with other types. A plug-in that does not answer serves nothing now.
   */
  async serving(imports: readonly ComponentInterface[]): Promise<Set<string>> {
    const offers = await this.#offers();
    const found = new Set<string>();
    for (const one of imports) {
      const serving = offers.filter(({ served }) => misfit(one, served) !== "all");
      if (serving.length === 0) continue;
      const fits = serving.some(({ served }) => misfit(one, served) === undefined);
      if (!fits) throw otherTypes(one.name, serving);
      found.add(one.name);
    }
    return found;
  }

  /** What the bound plug-ins serve now, for people: "example:weather/forecast (PLUGIN_WEATHER)". */
  async list(): Promise<string[]> {
    const offers = await this.#offers();
    return offers.flatMap(({ name, served }) => {
      const interfaces = [...served.functions.keys()].map((about) => about.replace(/#.*/, ""));
      return [...new Set(interfaces)].map((one) => `${one} (PLUGIN_${name})`);
    });
  }

  async #offers(): Promise<{ name: string; served: Served }[]> {
    const offers = [...this.#services.values()].map(async (service) => {
      const served = await service.describe().catch(() => undefined);
      return served === undefined ? [] : [{ name: service.name, served }];
    });
    return (await Promise.all(offers)).flat();
  }

  /**
   * The grants as genesis has them: each plug-in is asked what it serves. Throws `bad-manifest` for one that
   * is not bound or does not serve the interface, and `plugin-failed`.
   */
  async pin(grants: Readonly<Record<string, Value>>): Promise<Record<string, Value>> {
    const pinned = Object.entries(grants).map(async ([type, grant]): Promise<[string, Value]> => {
      const asked = isPlugin(type) ? asGrant(grant) : undefined;
      return [type, asked === undefined ? grant : await this.#pin(asked)];
    });
    return Object.fromEntries(await Promise.all(pinned));
  }

  async #pin(grant: PluginGrant): Promise<Value> {
    const service = this.#services.get(grant.service);
    if (service === undefined) {
      const names = [...this.#services.keys()];
      const known = names.length === 0 ? "none is bound" : `there are ${names.join(", ")}`;
      const message = `There is no plug-in "${grant.service}"; ${known}.`;
      throw new TheaterError("bad-manifest", message, { key: "handler.service" });
    }
    const { wit, functions } = await service.describe();
    const prefix = `${grant.interface}#`;
    const effects = [...functions].flatMap(([about, { effect }]) =>
      about.startsWith(prefix) ? [[about.slice(prefix.length), effect] as const] : [],
    );
    if (effects.length === 0) {
      const served = [...new Set([...functions.keys()].map((about) => about.replace(/#.*/, "")))];
      const message = `The plug-in "${grant.service}" does not serve ${grant.interface}, but ${served.join(", ")}.`;
      throw new TheaterError("bad-manifest", message, { key: "handler.interface" });
    }
    return { ...grant, wit, effects: Object.fromEntries(effects) };
  }

  /**
   * As `registryFor`, for an actor that was born: it lives on, whatever became of the deployment's handlers.
   * What they do not provide any more is refused in each call.
   */
  livingRegistry(base: Registry, grants: Readonly<Record<string, Value>>): Registry {
    try {
      return this.registryFor(base, grants);
    } catch {
      return base;
    }
  }

  /** The handlers of an actor with these grants; without a plug-in among them, those of all actors. */
  registryFor(base: Registry, grants: Readonly<Record<string, Value>>): Registry {
    const handlers = Object.entries(grants).flatMap(([type, grant]): Handler[] => {
      const pinned = isPlugin(type) ? asGrant(grant) : undefined;
      return pinned === undefined ? [] : [servedPlugin(pinned, this.#service(pinned.service))];
    });
    return handlers.length === 0 ? base : new Registry([...base.handlers, ...handlers]);
  }

  /** A plug-in that is not bound any more fails in each call, and its actor lives on. */
  #service(name: string): PluginService {
    const known = this.#services.get(name);
    const gone = () => Promise.reject(new Error("not bound"));
    return known ?? new PluginService(name, { describe: gone, call: gone });
  }
}

function isPlugin(type: string): boolean {
  return type.startsWith(grantName(""));
}

/** The first function that is served otherwise, or "all" if none of them is served at all. */
function misfit({ name, functions }: ComponentInterface, { functions: served }: Served) {
  const wanted = Object.entries(functions);
  if (!wanted.some(([fn]) => served.has(`${name}#${fn}`))) return "all";
  return wanted
    .map(([fn, type]) => ({ about: `${name}#${fn}`, type }))
    .find(({ about, type }) => {
      const found = served.get(about);
      return found === undefined || !sameSignature(found.signature, type);
    })?.about;
}

function otherTypes(name: string, serving: readonly { name: string }[]): TheaterError {
  const plugins = serving.map((one) => `PLUGIN_${one.name}`).join(", ");
  return new TheaterError(
    "unknown-import",
    `The component imports ${name} with other types than ${plugins} serves it: build it against its WIT.`,
    { import: name },
  );
}
