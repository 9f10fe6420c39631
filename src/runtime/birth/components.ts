// Components: from uploaded bytes to something that can run. Keyed by digest; a repetition finds what the
// first upload made.

import { digestText, parseDigest } from "../../chain/cid.ts";
import { describeComponent } from "../../executor/describe-component.ts";
import type { BundledSet, Executor, ModuleSet } from "../../executor/executor.ts";
import { makeModuleSet, moduleIndex } from "../../executor/module-index.ts";
import { noLoader } from "../../executor/no-loader.ts";
import { COMPONENT_BYTES_MAX, TRANSPILER } from "../../executor/transpile.ts";
import { printWit } from "../../executor/wit-print.ts";
import type { ComponentDescription } from "../../executor/wit-type.ts";
import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import { fromHex, toHex } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import { lacksForActor } from "../../manifest/fit.ts";
import { otherImports } from "../../wasi/standard.ts";
import { digestOf, type ContentStore } from "../../store/store.ts";
import type { ComponentSummary } from "../actors.ts";
import type { Known } from "./known.ts";
import { keepModuleSet, readModuleSet } from "./module-sets.ts";

export interface Component {
  digest: Uint8Array;
  /** Digest of its module set's index. */
  modules: Uint8Array;
  set: ModuleSet;
  bytes: number;
}

export class Components {
  readonly #db: D1Database;
  readonly #content: ContentStore;
  readonly #executor: Executor;
  readonly #registry: Registry;
  readonly #plugins: Plugins;
  readonly #known: Known;

  constructor(parts: {
    db: D1Database;
    content: ContentStore;
    executor: Executor;
    registry: Registry;
    plugins: Plugins;
    known: Known;
  }) {
    this.#db = parts.db;
    this.#content = parts.content;
    this.#executor = parts.executor;
    this.#registry = parts.registry;
    this.#plugins = parts.plugins;
    this.#known = parts.known;
  }

  /** Validates, transpiles and stores. Errors: those of `Executor.transpile` and `describeComponent`. */
  async upload(bytes: Uint8Array): Promise<Component> {
    if (bytes.length > COMPONENT_BYTES_MAX) {
      const message = `The component has ${bytes.length} bytes; at most ${COMPONENT_BYTES_MAX} can be transpiled.`;
      throw new TheaterError("too-large", message, { limit: COMPONENT_BYTES_MAX });
    }
    const description = describeComponent(bytes);
    await this.#checkImports(description);
    const digest = await digestOf(bytes);
    const known = await this.#find(digest);
    if (known !== undefined) return known;
    const own = this.#bundled(digest);
    if (own !== undefined && !this.#executor.loads) return await this.#keepBundled(bytes, own);
    const files = await this.#executor.transpile(bytes, description);
    const parts = { component: toHex(digest), transpiler: TRANSPILER, description };
    // Only now: what is refused is not kept.
    const [{ set, modules }] = await Promise.all([
      keepModuleSet(this.#content, makeModuleSet(parts, files)),
      this.#content.putAs(digest, bytes),
    ]);
    // Behind all of it: what has a row is whole.
    await this.#db
      .prepare("INSERT INTO component VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")
      .bind(digest, TRANSPILER, modules, bytes.length, Date.now())
      .run();
    return this.#known.noteComponent({ digest, modules, set, bytes: bytes.length });
  }

  /** Plug-ins in other Workers are asked only where nobody here provides an import. */
  async #checkImports(description: ComponentDescription): Promise<void> {
    const [registry, plugins] = [this.#registry, this.#plugins];
    const imports = otherImports(description);
    const foreign = registry.foreign(imports);
    const served = foreign.length === 0 ? new Set() : await plugins.serving(foreign);
    const unknown = foreign.find(({ name }) => !served.has(name));
    if (unknown !== undefined) {
      const about = `${unknown.name}#${Object.keys(unknown.functions)[0] ?? ""}`;
      throw registry.unknownImport(about, await plugins.list());
    }
    const own = imports.filter(({ name }) => !served.has(name));
    registry.checkImports({ ...description, imports: own });
  }

  /** Throws `not-found` for a component that nobody uploaded. */
  async get(digest: Uint8Array): Promise<Component> {
    const known = await this.#find(digest);
    if (known !== undefined) return this.#runnable(known);
    const own = this.#bundled(digest);
    if (own !== undefined && (await this.#isKept(digest))) return ofBundled(own);
    // Uploaded once, but transpiled by an earlier version: its bytes are still here.
    const bytes = (await this.#isKnown(digest)) ? await this.#content.get(digest) : null;
    if (bytes !== null) return await this.upload(bytes);
    throw new TheaterError(
      "not-found",
      `There is no component ${digestText(digest)}: upload it first.`,
    );
  }

  async wasm(digest: Uint8Array): Promise<Uint8Array> {
    await this.get(digest);
    const bytes = await this.#content.get(digest);
    if (bytes === null) {
      throw new TheaterError("host-failure", `The content store lacks ${digestText(digest)}.`);
    }
    return bytes;
  }

  /** The component's interfaces as WIT text. */
  async wit(digest: Uint8Array): Promise<string> {
    return printWit((await this.get(digest)).set.description);
  }

  async #isKnown(digest: Uint8Array): Promise<boolean> {
    const row = await this.#db
      .prepare("SELECT 1 FROM component WHERE digest = ?1 LIMIT 1")
      .bind(digest)
      .first();
    return row !== null;
  }

  /** As a bundled module set has it, made by this version of the transpiler. */
  #bundled(digest: Uint8Array): BundledSet | undefined {
    const component = toHex(digest);
    return this.#executor.bundled.find(
      ({ set }) => set.component === component && set.transpiler === TRANSPILER,
    );
  }

  /**
   * An upload where nothing can be transpiled: the component and the index, for whoever exports or verifies. There is no row
   * for it, because a row says that the files are in the store; a Loader bound later makes them at the next upload.
   */
  async #keepBundled(bytes: Uint8Array, own: BundledSet): Promise<Component> {
    await this.#content.put(bytes);
    await this.#content.putAs(bytesOfHex(own.digest), moduleIndex(own.set));
    return ofBundled(own);
  }

  async #isKept(digest: Uint8Array): Promise<boolean> {
    if (this.#known.hasContent(digest)) return true;
    const isKept = await this.#content.has(digest);
    if (isKept) this.#known.noteContent(digest);
    return isKept;
  }

  /** Better refused at a birth than in each turn. Throws `no-loader`. */
  #runnable(component: Component): Component {
    const { loads, bundled } = this.#executor;
    const modules = toHex(component.modules);
    if (!loads && !bundled.some(({ digest }) => digest === modules)) throw noLoader();
    return component;
  }

  async #find(digest: Uint8Array): Promise<Component | undefined> {
    const known = this.#known.component(digest);
    if (known !== undefined) return known;
    const row = await this.#db
      .prepare("SELECT modules, bytes FROM component WHERE digest = ?1 AND transpiler = ?2")
      .bind(digest, TRANSPILER)
      .first<{ modules: ArrayLike<number>; bytes: number }>();
    if (row === null) return undefined;
    const modules = Uint8Array.from(row.modules);
    const set = await readModuleSet(this.#content, modules);
    return this.#known.noteComponent({ digest, modules, set, bytes: row.bytes });
  }
}

function ofBundled({ digest, set, bytes }: BundledSet): Component {
  return { digest: bytesOfHex(set.component), modules: bytesOfHex(digest), set, bytes };
}

/** Of a digest that the build step has checked. */
const bytesOfHex = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array(0);

/** Throws `bad-request` for anything but "sha256:<hex>". */
export function componentDigest(text: string): Uint8Array {
  const digest = parseDigest(text);
  if (digest !== undefined) return digest;
  throw new TheaterError(
    "bad-request",
    `Name a component as sha256:<64 hex digits>, not "${text.slice(0, 80)}".`,
  );
}

export function summarize(
  { digest, modules, set, bytes }: Component,
  registry: Registry,
): ComponentSummary {
  const lacks = lacksForActor(set.description, registry);
  return {
    component: digestText(digest),
    bytes,
    imports: functionNames(set.description.imports),
    exports: functionNames(set.description.exports),
    actor: { ready: lacks.length === 0, lacks },
    modules: digestText(modules),
  };
}

function functionNames(interfaces: ComponentDescription["imports"]): string[] {
  return interfaces.flatMap(({ name, functions }) =>
    Object.keys(functions).map((fn) => (name === "" ? fn : `${name}#${fn}`)),
  );
}
