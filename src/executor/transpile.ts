// Component bytes → the files of a module set. The parsing of untrusted bytes happens in a throw-away
// isolate (src/transpiler.ts); here the result is checked and made fit for workerd.

import transpilerCore from "../../build/transpiler-core.wasm";
import transpilerCore2 from "../../build/transpiler-core2.wasm";
import transpilerCore3 from "../../build/transpiler-core3.wasm";
import transpilerCore4 from "../../build/transpiler-core4.wasm";
import transpilerSource from "../../build/transpiler.txt";
import { fromUtf8, toHex, toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { capCoreModules, startsItself } from "./core-module.ts";
import { exportState } from "./core-state.ts";
import type { TranspiledFile } from "./executor.ts";
import { ISOLATE_BASE } from "./isolate-options.ts";
import { lean } from "./lean-glue.ts";
import { reusable } from "./reusable-glue.ts";
import type { ComponentDescription } from "./wit-type.ts";

/**
 * Part of every module set's key and of every genesis. Move it whenever jco's version, its options or
 * the lifting below change, because the same component may then behave differently.
 */
export const TRANSPILER = "jco-transpile 0.15.0 / theater 7";

/** Transpiling takes five to ten times the component's size in a 128 MB isolate (measured, 2026-11). */
export const COMPONENT_BYTES_MAX = 8 * 1024 * 1024;

interface TranspilerEntrypoint {
  transpile(input: {
    component: Uint8Array;
    asyncImports: string[];
    asyncExports: string[];
  }): Promise<{ files: [string, Uint8Array][] } | { error: string }>;
}

export interface TranspileOptions {
  description: ComponentDescription;
  /** Whether the isolate answers this import itself, without waiting for the host. */
  isPure(about: string): boolean;
}

export async function transpile(
  loader: WorkerLoader,
  component: Uint8Array,
  options: TranspileOptions,
): Promise<TranspiledFile[]> {
  const { imports, exports } = options.description;
  // Without a name, because one with a name stays for as long as the process: 5 MB for each upload (measured on workerd
  // 1.20261102, 2026-11-23).
  const isolate = loader.load({
    ...ISOLATE_BASE,
    mainModule: "transpiler.js",
    modules: {
      "transpiler.js": { js: transpilerSource },
      "transpiler-core.wasm": { wasm: transpilerCore },
      "transpiler-core2.wasm": { wasm: transpilerCore2 },
      "transpiler-core3.wasm": { wasm: transpilerCore3 },
      "transpiler-core4.wasm": { wasm: transpilerCore4 },
    },
  });
  const entrypoint = isolate.getEntrypoint() as unknown as TranspilerEntrypoint;
  const input = {
    component,
    asyncImports: functionNames(imports).filter((about) => !options.isPure(about)),
    asyncExports: functionNames(exports),
  };
  // An isolate that breaks on these bytes (memory, time) throws here instead of answering.
  const answer = await entrypoint.transpile(input).catch((thrown: unknown) => ({
    error: thrown instanceof Error ? thrown.message : String(thrown),
  }));
  if ("error" in answer) {
    throw new TheaterError(
      "transpile-failed",
      `jco could not transpile the component; check it with \`wasm-tools validate\`: ${answer.error}`,
    );
  }
  return fitForWorkerd(answer.files.map(([name, bytes]) => ({ name, bytes })));
}

function functionNames(interfaces: ComponentDescription["imports"]): string[] {
  return interfaces.flatMap(({ name, functions }) =>
    Object.keys(functions).map((fn) => (name === "" ? fn : `${name}#${fn}`)),
  );
}

/**
 * jco's decoder drops a leading U+FEFF from a guest's text and mends what is not UTF-8. What is recorded
 * is what the guest said, and text that is none is a trap, as the canonical ABI wants it.
 */
const LOOSE_DECODER = "new TextDecoder()";
const LOOSE_UTF16_DECODER = "new TextDecoder('utf-16')"; // only where a component asks for UTF-16
const STRICT_UTF16_DECODER = "new TextDecoder('utf-16', { fatal: true, ignoreBOM: true })";
const STRICT_DECODER = "new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })";
/**
 * What a guest holds of the host is an entry in a table of jco's, outside of the guest's capped memory. So each kind
 * of resource can be made so often in an instance, and no more: a trap, and the same one in a replay.
 */
const RESOURCES_MAX = 20_000;
const MAKES_RESOURCE = "table._createdReps.add(rep);";
const MAKES_FEW =
  `if (table._createdReps.size >= ${RESOURCES_MAX}) throw new WebAssembly.RuntimeError('too many resources');` +
  MAKES_RESOURCE;
const COMPILES = /new WebAssembly\.Module\(/;
const INLINE_MODULE =
  /new WebAssembly\.Module\(new Uint8Array\(\[((?:\s*0x[0-9a-f]{2}\s*,?)+)\s*\]\)\)/g;

/**
 * Adds `cores.js`, which imports each core module by name, and lifts modules that jco wrote inline:
 * workerd refuses to compile wasm at run time. Any other compilation in the output is an error now
 * rather than a surprise in the first turn.
 */
function fitForWorkerd(files: TranspiledFile[]): TranspiledFile[] {
  const main = files.find(({ name }) => name === "component.js");
  if (main === undefined) throw new TheaterError("transpile-failed", "jco made no component.js");
  const lifted: TranspiledFile[] = [];
  const source = toUtf8(main.bytes).replace(INLINE_MODULE, (_, list: string) => {
    const name = `inline${lifted.length}.core.wasm`;
    lifted.push({ name, bytes: Uint8Array.from(list.match(/0x[0-9a-f]{2}/g) ?? [], Number) });
    return `getCoreModule("${name}")`;
  });
  if (COMPILES.test(source)) {
    throw new TheaterError(
      "transpile-failed",
      "jco's output compiles wasm in a way that is not known here",
    );
  }
  if (source.includes("rscTableCreateOwn(") && !source.includes(MAKES_RESOURCE)) {
    throw new TheaterError("transpile-failed", "jco's output counts resources in an unknown way");
  }
  const exact = source
    .replaceAll(LOOSE_DECODER, STRICT_DECODER)
    .replaceAll(LOOSE_UTF16_DECODER, STRICT_UTF16_DECODER)
    .replaceAll(MAKES_RESOURCE, MAKES_FEW);
  const uses = instancesIn(source);
  const { cores, restorable } = openCores([...capCores(files, uses), ...lifted], uses);
  const starts = (core: string): boolean => {
    const file = files.find(({ name }) => name === core);
    return file === undefined || startsItself(file.bytes);
  };
  return [
    { name: "component.js", bytes: fromUtf8(reusable(lean(exact, starts), restorable)) },
    { name: "cores.js", bytes: fromUtf8(coresSource(cores)) },
    ...cores,
  ];
}

const INSTANTIATION = /\binstantiateCore\(module(\d+)\b/g;
const MODULE_NAME = /\bconst module(\d+) = getCoreModule\('([\w.]+)'\)/g;

type Instances = ReadonlyMap<string | undefined, number>;

/** How often each core module is instantiated, by its file. */
function instancesIn(source: string): Instances {
  const names = new Map([...source.matchAll(MODULE_NAME)].map(([, n, name]) => [n, name]));
  const instances = new Map<string | undefined, number>();
  let found = 0;
  for (const [, n] of source.matchAll(INSTANTIATION)) {
    const name = names.get(n);
    instances.set(name, (instances.get(name) ?? 0) + 1);
    found++;
  }
  if (found !== source.split("instantiateCore(").length - 1 || instances.has(undefined)) {
    throw new TheaterError(
      "transpile-failed",
      "jco's output instantiates core modules in a way that is not known here",
    );
  }
  return instances;
}

/** How much memory a component can get depends on how often each of its modules is instantiated. */
function capCores(files: TranspiledFile[], instances: Instances): TranspiledFile[] {
  const cores = files.filter(({ name }) => name.endsWith(".wasm"));
  const uses = cores.map(({ name, bytes }) => ({ bytes, instances: instances.get(name) ?? 0 }));
  const capped = capCoreModules(uses);
  return cores.map(({ name, bytes }, index) => ({ name, bytes: capped[index] ?? bytes }));
}

/** Bytes of what all core instances export in addition: an export has some 20, and V8 makes an object for each. */
const ADDED_BYTES_MAX = 64 * 1024;

/** All of them with their state exported, or none: an instance is put back as a whole. */
function openCores(
  cores: TranspiledFile[],
  instances: Instances,
): { cores: TranspiledFile[]; restorable: boolean } {
  const open: TranspiledFile[] = [];
  let added = 0;
  for (const { name, bytes } of cores) {
    const exported = exportState(bytes);
    if (exported === undefined) return { cores, restorable: false };
    added += (exported.length - bytes.length) * (instances.get(name) ?? 1);
    if (added > ADDED_BYTES_MAX) return { cores, restorable: false };
    open.push({ name, bytes: exported });
  }
  return { cores: open, restorable: true };
}

function coresSource(cores: readonly TranspiledFile[]): string {
  const imports = cores.map(({ name }, index) => `import m${index} from "component:${name}";`);
  const entries = cores.map(({ name }, index) => `  ${JSON.stringify(name)}: m${index},`);
  return `${imports.join("\n")}\nexport const cores = {\n${entries.join("\n")}\n};\n`;
}

export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}
