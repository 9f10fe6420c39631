// From granted handlers to a WIT world. A component imports an interface only if its code uses it and its
// manifest grants it; a world of the actor's own (`world.wit`) is taken as it is, and checked afterwards.

import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TheaterError } from "../lib/errors.ts";

/** The interfaces of `theater:simple`, and in `edge/` those of `theater:edge`. */
const WIT = join(import.meta.dirname, "../../wit");

/** Where each package is in `WIT`, by its folder among the dependencies of a world. */
const PACKAGES: Readonly<Record<string, string>> = { "theater-simple": "", "theater-edge": "edge" };

/**
 * What each handler lets a component import, and what the component may export for it. Names without a
 * package are of `theater:simple`.
 */
const GRANTS: Readonly<Record<string, { imports: readonly string[]; exports: readonly string[] }>> =
  {
    runtime: { imports: ["runtime"], exports: [] },
    "message-server": { imports: ["message-server-host"], exports: ["message-server-client"] },
    store: { imports: ["store"], exports: [] },
    timing: { imports: ["timing"], exports: [] },
    random: { imports: ["random"], exports: [] },
    environment: { imports: ["environment"], exports: [] },
    supervisor: { imports: ["supervisor"], exports: ["supervisor-handlers"] },
    filesystem: { imports: ["filesystem"], exports: [] },
    process: { imports: ["process"], exports: ["process-handlers"] },
    "http-client": { imports: ["http-client"], exports: [] },
    "http-framework": {
      imports: ["http-framework", "theater:edge/websockets", "theater:edge/http-stream"],
      exports: ["http-handlers"],
    },
    timers: { imports: ["theater:edge/timers"], exports: ["theater:edge/timers-client"] },
  };

/** What a component may export whatever its manifest grants. */
const UPGRADE = "theater:edge/upgrade";

/** Interfaces without functions; importing them needs no grant. */
const TYPES_ONLY: readonly string[] = ["types", "http-types", "websocket-types"];

/** What a bundle asks of its host and offers to it, in JavaScript's names. */
export interface BundleSurface {
  /** Specifiers such as `theater:simple/runtime`. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** Those of the imports that plug-ins serve: nothing is known of them here. */
  readonly plugins?: readonly string[];
}

export function isBuiltIn(type: string): boolean {
  return Object.hasOwn(GRANTS, type);
}

/** The text of the world. Throws unknown-import, missing-handler and not-an-actor. */
export function composeWorld(surface: BundleSurface, handlers: readonly string[]): string {
  const { plugins = [] } = surface;
  checkGrants(
    surface.imports.filter((name) => !plugins.includes(name)),
    handlers,
  );
  const driven = ["actor", UPGRADE, ...handlers.flatMap((type) => GRANTS[type]?.exports ?? [])];
  const exported = new Set(surface.exports);
  if (!exported.has("actor")) {
    throw new TheaterError(
      "not-an-actor",
      "the code does not export an actor: " +
        "write export const { actor, messageServerClient } = defineActor({ … })",
    );
  }
  for (const [name, type] of Object.entries(EXPECTED)) {
    if (!driven.includes(name) || exported.has(exportName(name))) continue;
    throw new TheaterError(
      "not-an-actor",
      `the manifest grants ${type}, so the code must export ${exportName(name)} too`,
    );
  }
  for (const [type, { exports }] of Object.entries(GRANTS)) {
    const idle = exports.find((name) => exported.has(exportName(name)) && !driven.includes(name));
    if (idle !== undefined) {
      throw new TheaterError(
        "missing-handler",
        `the code exports ${exportName(idle)}, but nobody would call it: ` +
          `grant [[handler]] type = "${type}"`,
      );
    }
  }
  const lines = [
    ...[...new Set(surface.imports)].sort().map((name) => `  import ${name};`),
    ...driven
      .filter((name) => exported.has(exportName(name)))
      .map((name) => `  export ${fullName(name)};`),
  ];
  return `package theater:built;\nworld built {\n${lines.join("\n")}\n}\n`;
}

/** Every import must be an interface of ours that some handler of the manifest grants. */
export function checkGrants(imports: readonly string[], handlers: readonly string[]): void {
  for (const specifier of imports) {
    if (TYPES_ONLY.some((name) => fullName(name) === specifier)) continue;
    const type = Object.keys(GRANTS).find((key) =>
      GRANTS[key]?.imports.some((name) => fullName(name) === specifier),
    );
    if (type === undefined) {
      throw new TheaterError(
        "unknown-import",
        `the code imports ${specifier}, which is not in theater:simple or theater:edge: ` +
          "mend the name, or put the WIT of the plug-in into wit/ beside manifest.toml",
        { interface: specifier },
      );
    }
    if (!handlers.includes(type)) {
      throw new TheaterError(
        "missing-handler",
        `the code imports ${specifier}, but the manifest does not grant it: ` +
          `add [[handler]] type = "${type}"`,
        { interface: specifier, handler: type },
      );
    }
  }
}

/** Writes the world and the packages that it uses into `dir`, in the layout of WIT tools. */
export async function writeWorld(dir: string, world: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "world.wit"), world);
  for (const { path, place } of await witFiles()) {
    await mkdir(join(dir, dirname(place)), { recursive: true });
    await cp(path, join(dir, place));
  }
}

/** Every file of our packages, in a fixed order, with its place below the folder of a world. */
export async function witFiles(): Promise<{ path: string; place: string }[]> {
  const packages = Object.entries(PACKAGES).map(async ([dependency, folder]) => {
    const files = (await readdir(join(WIT, folder))).filter((file) => file.endsWith(".wit"));
    return files.sort().map((file) => ({
      path: join(WIT, folder, file),
      place: join("deps", dependency, file),
    }));
  });
  return (await Promise.all(packages)).flat();
}

/** What a component of these handlers cannot do without, by the handler that calls it. */
const EXPECTED: Readonly<Record<string, string>> = {
  "message-server-client": "message-server",
  "theater:edge/timers-client": "timers",
};

function fullName(name: string): string {
  return name.includes("/") ? name : `theater:simple/${name}`;
}

/** What an exported interface is called in JavaScript. */
function exportName(name: string): string {
  const short = name.slice(name.indexOf("/") + 1);
  return short.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
