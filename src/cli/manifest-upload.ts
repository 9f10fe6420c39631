// What a manifest on this machine names by path, put where the server finds it: its component, and the manifests
// of its children with all that they name. What comes back names content only.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse, stringify } from "smol-toml";
import { toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { askJson, asText } from "./client.ts";
import { childFile, Lineage, type Way } from "./lineage.ts";
import { isReference, readTableOf, stateInFile } from "./manifest-file.ts";
import { printable } from "./output.ts";
import type { Context } from "./context.ts";

/** Keeps the manifests of children; the server follows them by their digests. */
const MANIFEST_STORE = "manifests";

type Table = Record<string, unknown>;

/** One start: nothing is uploaded twice by it. */
export class ManifestUpload {
  readonly #context: Context;
  readonly #lineage = new Lineage();
  /** Digests, by absolute path. */
  readonly #components = new Map<string, string>();
  readonly #manifests = new Map<string, string>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** The manifest in `file`, the author's own text where that is safe. Throws `bad-manifest`. */
  async resolved(file: string, above: Way = []): Promise<{ text: string; table: Table }> {
    const way = await this.#lineage.enter(file, above);
    const text = toUtf8(await readFile(file));
    const table = readTableOf(text, file);
    const component = await this.#component(table["component"], dirname(file));
    const child = await this.#children(table["child"], file, way);
    const resolved = {
      ...table,
      ...(component === undefined ? {} : { component }),
      ...(child === undefined ? {} : { child }),
    };
    const isEdited = component !== undefined && child === undefined;
    if (isEdited) return { text: withComponent(text, component), table };
    return { text: child === undefined ? text : stringify(resolved), table: resolved };
  }

  /** Undefined where no child is made from a file. */
  async #children(child: unknown, file: string, way: Way): Promise<unknown[] | undefined> {
    if (!Array.isArray(child)) return undefined; // What is wrong with it the server says better.
    const resolved: unknown[] = [];
    for (const each of child as readonly unknown[]) {
      resolved.push(isTable(each) ? await this.#child(each, file, way) : each);
    }
    return resolved;
  }

  async #child(child: Table, file: string, way: Way): Promise<Table> {
    const { manifest: reference, init_state: initState } = child;
    const found = typeof reference === "string" ? await childFile(reference, file) : undefined;
    const state = await textState(initState, file);
    return {
      ...child,
      ...(found === undefined ? {} : { manifest: await this.#manifest(found, way) }),
      ...(state === undefined ? {} : { init_state: state }),
    };
  }

  async #manifest(file: string, above: Way): Promise<string> {
    const known = this.#manifests.get(file);
    if (known !== undefined) return known;
    const { connection, output } = this.#context;
    const { text, table } = await this.resolved(file, above);
    const state = await textState(table["init_state"], file);
    const body = state === undefined ? text : stringify({ ...parse(text), init_state: state });
    output.note(`uploading ${file}`);
    const path = `/v1/stores/${MANIFEST_STORE}/content`;
    const headers = { "content-type": "application/octet-stream" };
    const answer = await askJson(connection, "PUT", path, { body, headers });
    const digest = asText(answer["digest"], "digest");
    this.#manifests.set(file, digest);
    return digest;
  }

  /** The digest of a component that is a file, or the reference as it is. */
  async component(named: string): Promise<string> {
    return (await this.#component(named, ".")) ?? named;
  }

  /** The digest of a component that is a file; undefined if the server finds it itself. */
  async #component(component: unknown, folder: string): Promise<string | undefined> {
    if (typeof component !== "string" || isReference(component)) return undefined;
    const { connection, output } = this.#context;
    const path = resolve(folder, component);
    const known = this.#components.get(path);
    if (known !== undefined) return known;
    const body = await readFile(path).catch(() => {
      const message = `There is no ${path}: build it first, with theater build ${folder}.`;
      throw new TheaterError("bad-manifest", message, { key: "component" });
    });
    output.note(`uploading ${component} (${body.length} bytes)`);
    const headers = { "content-type": "application/wasm" };
    const answer = await askJson(connection, "PUT", "/v1/components", { body, headers });
    const digest = asText(answer["component"], "component");
    this.#components.set(path, digest);
    return digest;
  }
}

/**
 * What the file holds that a child's `init_state` names: as a text, because it goes into a manifest. Undefined
 * for what is no path.
 */
async function textState(initState: unknown, file: string): Promise<string | undefined> {
  const bytes = await stateInFile(initState, dirname(file));
  if (bytes === undefined) return undefined;
  const where = `${file}: init_state = "${printable(String(initState))}"`;
  try {
    const text = toUtf8(bytes);
    if (!text.includes("{{") && !/^(\.{0,2}\/|store:\/\/)/.test(text)) return text;
  } catch {
    // Said below.
  }
  const message =
    `${where} is not a text that can stand in a manifest: put it into a store with theater store put, ` +
    `and name it with store://.`;
  throw new TheaterError("bad-manifest", message, { key: "init_state" });
}

/** Keeps the author's text and comments where that is safe. */
function withComponent(text: string, component: string): string {
  const wanted = stringify({ ...parse(text), component });
  const edited = text.replace(
    /^component\s*=\s*("[^"\n]*"|'[^'\n]*')/m,
    `component = "${component}"`,
  );
  return stringify(parse(edited)) === wanted ? edited : wanted;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
