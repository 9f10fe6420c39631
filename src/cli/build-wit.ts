// The WIT of plug-ins that an actor uses: `wit/*.wit` in its folder, each file with a package of its own.
// The same texts that the plug-ins give; what they say is checked when the component is made.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TheaterError } from "../lib/errors.ts";
import type { ManifestFile } from "./manifest-file.ts";

export interface PluginWit {
  readonly files: readonly WitFile[];
  /** Full names, as in `example:weather/forecast`. */
  readonly interfaces: readonly string[];
}

interface WitFile {
  /** Below the folder of a world. */
  readonly place: string;
  readonly text: string;
}

/** Throws bad-component for a file without a package. */
export async function readPluginWit(folder: string): Promise<PluginWit> {
  const dir = join(folder, "wit");
  const names = await readdir(dir).catch(() => []);
  const files: WitFile[] = [];
  const interfaces: string[] = [];
  for (const name of names.filter((each) => each.endsWith(".wit")).sort()) {
    const text = await readFile(join(dir, name), "utf8");
    const code = text.replaceAll(/\/\/.*|\/\*[^]*?\*\//g, "");
    const [, path, version = ""] = PACKAGE.exec(code) ?? [];
    if (path === undefined) {
      const message = `${join(dir, name)} does not say its package: begin it with package <yours>:<name>;`;
      throw new TheaterError("bad-component", message);
    }
    files.push({ place: join("deps", path.replace(":", "-"), name), text });
    const found = [...code.matchAll(INTERFACE)];
    interfaces.push(...found.map(([, own = ""]) => `${path}/${own}${version}`));
  }
  return { files, interfaces };
}

const PACKAGE = /^\s*package\s+([a-z][a-z0-9-]*:[a-z][a-z0-9-]*)(@[0-9A-Za-z.+-]+)?\s*;/;
const INTERFACE = /\binterface\s+%?([A-Za-z][A-Za-z0-9-]*)\s*\{/g;

export async function writePluginWit(dir: string, { files }: PluginWit): Promise<void> {
  for (const { place, text } of files) {
    await mkdir(join(dir, dirname(place)), { recursive: true });
    await writeFile(join(dir, place), text);
  }
}

/**
 * Throws missing-handler for an import of a plug-in's interface that no table of the manifest grants. Which
 * handlers are registered where the actor will run is not known here, so any that is not Theater's may serve it.
 */
export function checkPluginGrants(
  imports: readonly string[],
  { handlers, plugins }: Pick<ManifestFile, "handlers" | "plugins">,
  isBuiltIn: (type: string) => boolean,
): void {
  const isRegistered = handlers.some((type) => type !== "plugin" && !isBuiltIn(type));
  const missing = imports.find((name) => !isRegistered && !plugins.includes(name));
  if (missing === undefined) return;
  throw new TheaterError(
    "missing-handler",
    `the code imports ${missing}, but the manifest does not grant it: add [[handler]] type = "plugin", ` +
      `interface = "${missing}" and the service that serves it, or the type of a registered plug-in`,
    { interface: missing },
  );
}
