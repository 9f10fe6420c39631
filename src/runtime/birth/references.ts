// What a manifest may name instead of holding it: a component or an initial state, by digest or in a store.
// A reference is followed once, at the birth; the chain commits to what was found.

import { parseDigest } from "../../chain/cid.ts";
import { fromHex, fromUtf8, toUtf8 } from "../../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import type { LabelledStores } from "../../store/labels.ts";
import type { ContentStore } from "../../store/store.ts";
import { componentDigest, type Component, type Components } from "./components.ts";
import { fetchComponent, isRemote, type RemoteOptions } from "./remote-component.ts";

interface Stored {
  store: string;
  digest: Uint8Array;
}

interface ReferenceParts {
  components: Components;
  stores: LabelledStores;
  remote: RemoteOptions;
  content: ContentStore;
  /** Whether references into the store are followed; absent: into any, and to servers too. */
  mayUse?: (store: string) => Promise<boolean>;
}

/** A manifest is read into memory, and what it becomes is kept in every genesis. */
export const MANIFEST_BYTES_MAX = 256 * 1024;

/** Whether a manifest given as text is a name of one instead. */
export function isReference(manifest: string): boolean {
  return /^(?:sha256:[0-9a-f]+|store:\/\/\S+)$/.test(manifest);
}

/** Whether what a manifest names is what a store has under a label, or by digest. */
export function isInStore(reference: string): boolean {
  return reference.startsWith("store://");
}

export class References {
  readonly #parts: ReferenceParts;

  constructor(parts: ReferenceParts) {
    this.#parts = parts;
  }

  /** The same, but references to servers and into other stores are refused as `not-granted`. */
  within(mayUse: (store: string) => Promise<boolean>): References {
    return new References({ ...this.#parts, mayUse });
  }

  /**
   * "sha256:<hex>", "store://<store>/<label>", "store://<store>/hash/<hex>" or "https://…". The last for
   * operators only: a manifest that a guest wrote must not make the server fetch anything.
   */
  async component(reference: string): Promise<Component> {
    const { components, remote, mayUse } = this.#parts;
    if (isRemote(reference)) {
      if (mayUse !== undefined) {
        const message = `Upload ${reference} and name it by its digest: for a child nothing is fetched.`;
        throw new TheaterError("not-granted", message, { key: "component" });
      }
      return await components.upload(await fetchComponent(reference, remote));
    }
    const stored = await this.#stored(reference);
    if (stored !== undefined) return await this.#fromStore(stored);
    if (parseDigest(reference) !== undefined) {
      return await components.get(componentDigest(reference));
    }
    throw new TheaterError(
      "bad-manifest",
      `The server takes component = "sha256:…", "store://…" or "https://…"; \`theater start\` uploads a file and fills it in.`,
      { key: "component", found: reference },
    );
  }

  /** The text of a manifest by "sha256:<hex>", in the content store, or "store://…". Throws `bad-manifest`. */
  async manifest(reference: string): Promise<string> {
    const key = { found: reference.slice(0, 200) };
    const bytes = await this.#manifestBytes(reference);
    if (bytes === undefined) {
      const message =
        `The server takes a manifest "sha256:…" or "store://…", not "${key.found}"; \`theater start\` uploads a ` +
        `file and fills it in.`;
      throw new TheaterError("bad-manifest", message, key);
    }
    if (bytes.length > MANIFEST_BYTES_MAX) {
      const message = `${key.found} has ${bytes.length} bytes; a manifest has at most ${MANIFEST_BYTES_MAX}.`;
      throw new TheaterError("bad-manifest", message, key);
    }
    try {
      return toUtf8(bytes);
    } catch {
      throw new TheaterError("bad-manifest", `${key.found} is not a manifest: it is no text.`, key);
    }
  }

  async #manifestBytes(reference: string): Promise<Uint8Array | undefined> {
    const stored = await this.#stored(reference);
    if (stored !== undefined) return await this.#bytes(stored);
    const digest = parseDigest(reference);
    if (digest === undefined) return undefined;
    const bytes = await this.#parts.content.get(digest);
    if (bytes !== null) return bytes;
    throw new TheaterError("not-found", `There is no manifest ${reference}: upload it first.`);
  }

  /** A literal is its UTF-8; "store://…" is what the store holds. Throws `bad-manifest` for a path. */
  async state(initState: string): Promise<Uint8Array> {
    if (isPath(initState)) {
      const message =
        "The server reads no files: `theater start` does; over HTTP give the content as initState.";
      throw new TheaterError("bad-manifest", message, { key: "init_state", found: initState });
    }
    const stored = await this.#stored(initState);
    return stored === undefined ? fromUtf8(initState) : await this.#bytes(stored);
  }

  /** Whoever put it into the store need not have uploaded it: then this is its upload. */
  async #fromStore(stored: Stored): Promise<Component> {
    const { components } = this.#parts;
    try {
      return await components.get(stored.digest);
    } catch (thrown) {
      if (ensureTheaterError(thrown).code !== "not-found") throw thrown;
      return await components.upload(await this.#bytes(stored));
    }
  }

  async #bytes({ store, digest }: Stored): Promise<Uint8Array> {
    return await this.#parts.stores.get(store, digest);
  }

  /** Undefined for what is no reference to a store. */
  async #stored(reference: string): Promise<Stored | undefined> {
    const [, store, name] = /^store:\/\/([^/]+)\/(.+)$/s.exec(reference) ?? [];
    if (store === undefined || name === undefined) return undefined;
    const { stores, mayUse } = this.#parts;
    if (mayUse !== undefined && !(await mayUse(store))) {
      const message = `${reference}: the parent may not use the store ${store}, so its children are not made from it.`;
      throw new TheaterError("not-granted", message, { store });
    }
    const hex = /^hash\/([0-9a-f]{64})$/.exec(name)?.[1];
    const digest = hex === undefined ? await stores.getByLabel(store, name) : fromHex(hex);
    if (digest === undefined) {
      throw new TheaterError("not-found", `There is no label ${name} in ${store}.`);
    }
    return { store, digest };
  }
}

/** As the command line tells a file from a literal. */
function isPath(text: string): boolean {
  return /^\.{0,2}\//.test(text);
}
