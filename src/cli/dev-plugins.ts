// Plug-ins of a development server, as `--plugins` names them: `NAME=file` is a Worker of its own, bound as
// PLUGIN_NAME; a file alone is registered with Theater's Worker. Deployed, wrangler.toml and src/plugins.ts
// say the same.

import { access } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import type { V4WorkerOptions } from "miniflare";
import { TheaterError } from "../lib/errors.ts";

export interface DevPlugins {
  /** Files of plug-ins to register; each exports a value `plugin`. */
  readonly registered: readonly string[];
  /** By the name behind PLUGIN_: files of Workers whose entrypoint is called `Plugin`. */
  readonly services: ReadonlyMap<string, string>;
}

/** Throws `bad-request` for a wrong name and for a file that is not there. */
export async function readPlugins(given: readonly string[]): Promise<DevPlugins> {
  const registered: string[] = [];
  const services = new Map<string, string>();
  for (const each of given) {
    const [, name, path = each] = /^([^=/]+)=(.+)$/.exec(each) ?? [];
    const file = resolve(path);
    await access(file).catch(() => {
      throw new TheaterError("bad-request", `There is no ${file}: name the file of a plug-in.`);
    });
    if (name === undefined) {
      registered.push(file);
    } else if (!/^[A-Z][A-Z0-9_]{0,62}$/.test(name) || services.has(name)) {
      const message = `${name} must be a name of its own in capitals, as in --plugins WEATHER=${path}`;
      throw new TheaterError("bad-request", message);
    } else {
      services.set(name, file);
    }
  }
  return { registered, services };
}

/** WIT texts are imported as they are. */
export const WIT_LOADER = { ".wit": "text" } as const;

/** Puts the registered ones beside those of src/plugins.ts. */
export function registering(files: readonly string[]): Plugin {
  return {
    name: "plugins",
    setup(hooks) {
      if (files.length === 0) return;
      hooks.onLoad({ filter: /[\\/]src[\\/]plugins\.ts$/ }, ({ path }) => ({
        contents: [
          ...files.map((file, i) => `import { plugin as p${i} } from ${JSON.stringify(file)};`),
          `export const PLUGINS = [${files.map((_, i) => `p${i}`).join(", ")}];`,
        ].join("\n"),
        loader: "ts",
        resolveDir: resolve(path, ".."),
      }));
    },
  };
}

interface Platform {
  compatibilityDate: string;
  compatibilityFlags: string[];
}

/** The Workers of the services, in the words of Miniflare. */
export async function pluginWorkers(
  { services }: DevPlugins,
  platform: Platform,
): Promise<V4WorkerOptions[]> {
  const workers = [...services].map(async ([name, file]) => {
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      format: "esm",
      target: "es2024",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*"],
      loader: WIT_LOADER,
      logLevel: "error",
    });
    const contents = outputFiles[0]?.text ?? "";
    return {
      ...platform,
      name: workerName(name),
      modules: [{ type: "ESModule" as const, path: `${basename(file)}.js`, contents }],
    };
  });
  return await Promise.all(workers);
}

export function pluginBindings({
  services,
}: DevPlugins): Record<string, { name: string; entrypoint: string }> {
  return Object.fromEntries(
    [...services.keys()].map((name) => [
      `PLUGIN_${name}`,
      { name: workerName(name), entrypoint: "Plugin" },
    ]),
  );
}

const workerName = (name: string): string => `plugin-${name.toLowerCase()}`;
