// TypeScript and npm packages → one ES module. The text depends on the sources alone, not on where they
// lie, because its digest decides whether a component is still up to date.

import { access } from "node:fs/promises";
import { join } from "node:path";
import { build, type BuildFailure, type Message, type Metafile, type Plugin } from "esbuild";
import { TheaterError } from "../lib/errors.ts";
import type { BundleSurface } from "./build-world.ts";

const GUEST = join(import.meta.dirname, "../guest");
const ENTRIES = ["actor.ts", "actor.js"] as const;

/** An interface in WIT's spelling, as in `theater:simple/runtime`. */
const INTERFACE = /^[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*)+\/[a-z][a-z0-9-]*(@[\w.+-]+)?$/;

/** Modules of the guest that stand in for a global, with the handler that each one needs. */
const RECORDED: readonly { module: string; handler?: string; use: RegExp }[] = [
  // What async functions are made of; its doc says why. Before all else: modules keep what they find.
  { module: "promises", use: /\bPromise\b/ },
  { module: "web/bodies", handler: "http-framework", use: /\bResponse\b/ },
  { module: "recorded-clock", handler: "timing", use: /\b(?:Date|performance)\b/ },
  { module: "recorded-random", handler: "random", use: /\bMath\b/ },
  { module: "recorded-console", handler: "runtime", use: /\bconsole\b/ },
];

export interface Bundle extends BundleSurface {
  readonly code: string;
}

/** Throws not-an-actor without an entry, bad-component where the code has mistakes. */
export async function bundleActor(dir: string, handlers: readonly string[]): Promise<Bundle> {
  const entry = await findEntry(dir);
  const author = await bundle(dir, `export * from "./${entry}";`);
  const recorded = RECORDED.filter(
    ({ handler, use }) =>
      (handler === undefined || handlers.includes(handler)) && use.test(author.code),
  );
  const modules = ["globals", ...recorded.map(({ module }) => module)];
  const prelude = modules.map((module) => `import "theater/guest/${module}";`).join("\n");
  return await bundle(dir, `${prelude}\nexport * from "./${entry}";`);
}

async function findEntry(dir: string): Promise<string> {
  for (const entry of ENTRIES) {
    const found = await access(join(dir, entry)).then(
      () => true,
      () => false,
    );
    if (found) return entry;
  }
  throw new TheaterError(
    "not-an-actor",
    `there is no ${join(dir, ENTRIES[0])}: write the actor there`,
  );
}

async function bundle(dir: string, entry: string): Promise<Bundle> {
  try {
    const result = await build({
      stdin: { contents: entry, resolveDir: dir, sourcefile: "entry.js", loader: "js" },
      absWorkingDir: dir,
      bundle: true,
      write: false,
      metafile: true,
      outfile: "bundle.js",
      format: "esm",
      target: "es2023", // what QuickJS knows
      supported: { "async-await": false, "async-generator": false, "for-await": false },
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["import", "default"],
      minifySyntax: true,
      minifyWhitespace: true, // also drops the comments with paths
      logLevel: "silent",
      plugins: [resolveTheater],
    });
    return { code: result.outputFiles[0]?.text ?? "", ...surfaceOf(result.metafile) };
  } catch (thrown) {
    throw isBuildFailure(thrown) ? explain(thrown.errors) : thrown;
  }
}

const resolveTheater: Plugin = {
  name: "theater",
  setup(hooks) {
    hooks.onResolve({ filter: /^theater\/guest(\/|$)/ }, ({ path }) => ({
      path: join(GUEST, `${path.split("/").slice(2).join("/") || "actor"}.ts`),
    }));
    // Without side effects: an import whose names nobody uses must not reach the component.
    hooks.onResolve({ filter: INTERFACE }, ({ path }) =>
      path.startsWith("node:") ? undefined : { path, external: true, sideEffects: false },
    );
  },
};

function surfaceOf(metafile: Metafile): BundleSurface {
  const outputs = Object.values(metafile.outputs);
  return {
    imports: outputs.flatMap(({ imports }) => imports.map(({ path }) => path)),
    exports: outputs.flatMap(({ exports }) => exports),
  };
}

function isBuildFailure(thrown: unknown): thrown is BuildFailure {
  return thrown instanceof Error && "errors" in thrown && Array.isArray(thrown.errors);
}

function explain(errors: readonly Message[]): TheaterError {
  const lines = errors.map(({ text, location }) =>
    location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`,
  );
  return new TheaterError("bad-component", `the code has mistakes: ${lines.join("; ")}`, {
    mistakes: lines,
  });
}
