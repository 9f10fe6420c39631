// Makes the JavaScript that workerd runs. Three isolates, three bundles: the Worker itself, the
// transpiler's throw-away isolate, and the isolate in which guests run. The last two reach the Worker as
// texts (build/*.txt), because the Worker Loader starts isolates from source that the Worker hands it.
//
// `node src/cli/bundle.ts` writes build/: wrangler's [build] command, and the first step of `npm test`.

import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { BUNDLED_FOLDER, bundling, writeRegistry } from "./bundled-folder.ts";
import { registering, WIT_LOADER } from "./dev-plugins.ts";
import { writeWhole } from "./whole-file.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const BUILD = join(ROOT, "build");

/** A module of a Worker, in the words of Miniflare. */
export interface WorkerModule {
  type: "ESModule" | "Text" | "Data" | "CompiledWasm";
  path: string;
  contents: string | Uint8Array;
}

const common = {
  bundle: true,
  format: "esm",
  target: "es2024",
  conditions: ["workerd", "worker", "browser"],
  mainFields: ["module", "main"],
  external: ["cloudflare:*", "node:*"],
  absWorkingDir: ROOT,
  logLevel: "error",
  write: false,
} as const satisfies BuildOptions;

async function bundleText(entry: string, options: BuildOptions): Promise<string> {
  const result = await build({ ...common, write: false, entryPoints: [entry], ...options });
  const [output] = result.outputFiles ?? [];
  if (output === undefined) throw new Error(`esbuild made nothing of ${entry}`);
  return output.text;
}

const JCO = dirname(
  createRequire(import.meta.url).resolve("@bytecodealliance/jco-transpile/component"),
);
const BINDGEN = "js-component-bindgen-component";
/** The core modules of jco's bindgen: two files, and two that its source holds as base64. */
const FETCHED = ["core", "core2"] as const;
const INLINED = ["core3", "core4"] as const;

/** What replaces a compilation in bindgen's source: the module, imported by the isolate. */
interface BindgenCores {
  source: string;
  cores: { name: string; bytes: Uint8Array }[];
}

/**
 * jco's bindgen fetches or compiles its core modules when it starts, and a Worker may do neither. Its
 * isolate imports them instead. The patterns must be found exactly, or the build fails.
 */
async function liftBindgenCores(): Promise<BindgenCores> {
  let source = await readFile(join(JCO, `${BINDGEN}.js`), "utf8");
  const cores: BindgenCores["cores"] = [];
  const lift = (pattern: string, name: string, bytes: Uint8Array): void => {
    if (source.split(pattern).length !== 2) {
      throw new Error(`jco's bindgen changed: no ${pattern.slice(0, 80)}`);
    }
    source = `import ${name} from "transpiler-${name}.wasm";\n${source.replace(pattern, `Promise.resolve(${name})`)}`;
    cores.push({ name, bytes });
  };
  for (const name of FETCHED) {
    const bytes = await readFile(join(JCO, `${BINDGEN}.${name}.wasm`));
    lift(`fetchCompile(new URL('./${BINDGEN}.${name}.wasm', import.meta.url))`, name, bytes);
  }
  const inline = [...source.matchAll(/base64Compile\('([A-Za-z0-9+/=]+)'\)/g)];
  if (inline.length !== INLINED.length) {
    throw new Error(`jco's bindgen changed: ${inline.length} inline modules`);
  }
  for (const [index, name] of INLINED.entries()) {
    const [pattern = "", base64 = ""] = inline[index] ?? [];
    lift(pattern, name, Buffer.from(base64, "base64"));
  }
  return { source, cores };
}

/** Writes build/: the sources of the two dynamic isolates, the transpiler's wasm, and what is bundled. */
export async function bundleIsolates(): Promise<void> {
  await mkdir(BUILD, { recursive: true });
  const { source, cores } = await liftBindgenCores();
  const lifted: Plugin = {
    name: "lifted-bindgen",
    setup(hooks) {
      const filter = new RegExp(`${BINDGEN}\\.js$`);
      hooks.onLoad({ filter }, () => ({ contents: source, loader: "js" }));
    },
  };
  const [transpiler, isolate] = await Promise.all([
    bundleText("src/transpiler.ts", {
      plugins: [lifted],
      external: [...common.external, "transpiler-*.wasm"],
      minifyWhitespace: true,
    }),
    bundleText("src/isolate.ts", { external: [...common.external, "component:*"] }),
  ]);
  // Whole: several servers may start beside each other, and none may read half a file.
  await Promise.all([
    writeWhole(join(BUILD, "transpiler.txt"), transpiler),
    writeWhole(join(BUILD, "isolate.txt"), isolate),
    writeRegistry(BUNDLED_FOLDER, join(BUILD, "bundled.js")),
    ...cores.map(({ name, bytes }) => writeWhole(join(BUILD, `transpiler-${name}.wasm`), bytes)),
  ]);
}

export interface WorkerOptions {
  /** The server's by default. */
  entry?: string | undefined;
  /** Files of plug-ins in it. */
  registered?: readonly string[];
  /** The folder of the components in it; by default that beside wrangler.toml. */
  bundled?: string | undefined;
}

/** A whole Worker as modules for workerd, the main one first. */
export async function bundleWorker(options: WorkerOptions = {}): Promise<WorkerModule[]> {
  const { entry = "src/worker.ts", registered = [], bundled } = options;
  await bundleIsolates();
  const assets: WorkerModule[] = [];
  const keepAssets: Plugin = {
    name: "keep-assets",
    setup(hooks) {
      hooks.onResolve({ filter: /\.(txt|wasm)$/ }, async ({ path, resolveDir }) => {
        const file = join(resolveDir, path);
        // The core modules of bundled components have the same names in every folder.
        const name = dirname(file) === BUILD ? basename(file) : `${hashOf(file)}-${basename(file)}`;
        const bytes = await readFile(file);
        const isText = name.endsWith(".txt");
        if (!assets.some((asset) => asset.path === name)) {
          assets.push({
            type: isText ? "Text" : "CompiledWasm",
            path: name,
            contents: isText ? bytes.toString("utf8") : new Uint8Array(bytes),
          });
        }
        return { path: `./${name}`, external: true };
      });
    },
  };
  const main = await bundleText(entry, {
    plugins: [registering(registered), bundling(bundled), keepAssets],
    loader: WIT_LOADER,
  });
  return [{ type: "ESModule", path: "worker.js", contents: main }, ...assets];
}

const hashOf = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 8);

if (import.meta.main) await bundleIsolates();
