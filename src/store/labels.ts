// Named stores and the labels in them, over D1; the bytes go through a ContentStore. Invariants: a
// store shows only content that was put into it, whoever else holds the same bytes; a label points at
// one content of its own store.

import { assert, TheaterError } from "../lib/errors.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import type { ContentStore } from "./store.ts";

/** A label, in UTF-8. */
export const LABEL_BYTES_MAX = 256;

/** Labels or digests in one page of a listing. */
const LISTING_MAX = 1_000;

/** One word that is safe in a URL, a file name and a `store://` reference; a UUID is one. */
const STORE_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export interface Page {
  /** At most this many, 1 to LISTING_MAX (the default). A full page may have a next one. */
  readonly limit?: number;
}

/**
 * Digests are bare 32-byte sha2-256 digests. Every method may throw `bad-request` for a store id or a
 * label of the wrong form, and `not-found` for a store that does not exist.
 */
export class LabelledStores {
  readonly #db: D1Database;
  readonly #content: ContentStore;
  readonly #nowMs: () => number;

  constructor(db: D1Database, content: ContentStore, nowMs: () => number = Date.now) {
    this.#db = db;
    this.#content = content;
    this.#nowMs = nowMs;
  }

  /**
   * Creates a store. The caller chooses the id, so that a repetition after a crash makes no second one;
   * `owner` is an actor's id, or empty for the operator. Throws `wrong-state` if another owns the id.
   */
  async create(store: string, owner: string): Promise<void> {
    validateStore(store);
    const [, row] = await this.#db.batch<{ owner: string }>([
      this.#db
        .prepare(
          "INSERT INTO store (id, owner, created_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )
        .bind(store, owner, this.#nowMs()),
      this.#db.prepare("SELECT owner FROM store WHERE id = ?1").bind(store),
    ]);
    if (row?.results[0]?.owner === owner) return;
    throw new TheaterError(
      "wrong-state",
      "The store belongs to somebody else: choose another id.",
      {
        store,
      },
    );
  }

  /** Whose store it is; undefined if there is none. */
  async owner(store: string): Promise<string | undefined> {
    validateStore(store);
    const row = await this.#db
      .prepare("SELECT owner FROM store WHERE id = ?1")
      .bind(store)
      .first<{ owner: string }>();
    return row?.owner;
  }

  /** Puts content into the store; twice is once. Throws `too-large`. */
  async put(store: string, bytes: Uint8Array): Promise<Uint8Array> {
    await this.#require(store);
    const digest = await this.#content.put(bytes);
    await this.#insertContent(store, digest, bytes.length).run();
    return digest;
  }

  /** Throws `not-found` for content that is not in this store, `content-corrupt` as the content store. */
  async get(store: string, digest: Uint8Array): Promise<Uint8Array> {
    if (!(await this.exists(store, digest))) throw contentNotFound(store);
    const bytes = await this.#content.get(digest);
    if (bytes === null) throw contentNotFound(store);
    return bytes;
  }

  async exists(store: string, digest: Uint8Array): Promise<boolean> {
    const results = await this.#inStore(
      store,
      this.#db
        .prepare("SELECT size FROM store_content WHERE store = ?1 AND digest = ?2")
        .bind(store, digest),
    );
    return results.length > 0;
  }

  /** Points the label at content of this store, away from what it pointed at. Throws `not-found`. */
  async label(store: string, label: string, digest: Uint8Array): Promise<void> {
    validateLabel(label);
    const results = await this.#inStore(store, this.#setLabel(store, label, digest));
    if (results.length === 0) throw contentNotFound(store);
  }

  async getByLabel(store: string, label: string): Promise<Uint8Array | undefined> {
    validateLabel(label);
    const [row] = await this.#inStore<{ digest: ArrayLike<number> }>(
      store,
      this.#db
        .prepare("SELECT digest FROM label WHERE store = ?1 AND label = ?2")
        .bind(store, label),
    );
    return row === undefined ? undefined : Uint8Array.from(row.digest);
  }

  /** The content stays in the store. A label that is not there is no error. */
  async removeLabel(store: string, label: string): Promise<void> {
    validateLabel(label);
    await this.#inStore(
      store,
      this.#db.prepare("DELETE FROM label WHERE store = ?1 AND label = ?2").bind(store, label),
    );
  }

  /** Removes the label if it points at `digest`; otherwise nothing happens, and that is no error. */
  async removeFromLabel(store: string, label: string, digest: Uint8Array): Promise<void> {
    validateLabel(label);
    await this.#inStore(
      store,
      this.#db
        .prepare("DELETE FROM label WHERE store = ?1 AND label = ?2 AND digest = ?3")
        .bind(store, label, digest),
    );
  }

  /** `put` and `label` in one: the label moves with the content, or neither happens. */
  async putAtLabel(store: string, label: string, bytes: Uint8Array): Promise<Uint8Array> {
    validateLabel(label);
    await this.#require(store);
    const digest = await this.#content.put(bytes);
    await this.#db.batch([
      this.#insertContent(store, digest, bytes.length),
      this.#setLabel(store, label, digest),
    ]);
    return digest;
  }

  /** As `putAtLabel`: a label holds one content, so storing at it replaces what it held. */
  replaceContentAtLabel(store: string, label: string, bytes: Uint8Array): Promise<Uint8Array> {
    return this.putAtLabel(store, label, bytes);
  }

  /** As `label`, for the same reason. */
  replaceAtLabel(store: string, label: string, digest: Uint8Array): Promise<void> {
    return this.label(store, label, digest);
  }

  /** In code-point order, from behind `after`. */
  async listLabels(store: string, page: Page & { after?: string } = {}): Promise<string[]> {
    const rows = await this.#inStore<{ label: string }>(
      store,
      this.#db
        .prepare("SELECT label FROM label WHERE store = ?1 AND label > ?2 ORDER BY label LIMIT ?3")
        .bind(store, page.after ?? "", limitOf(page)),
    );
    return rows.map(({ label }) => label);
  }

  /** Everything ever put into the store, labelled or not, in the order of digests, from behind `after`. */
  async listAllContent(
    store: string,
    page: Page & { after?: Uint8Array } = {},
  ): Promise<Uint8Array[]> {
    const rows = await this.#inStore<{ digest: ArrayLike<number> }>(
      store,
      this.#db
        .prepare(
          "SELECT digest FROM store_content WHERE store = ?1 AND digest > ?2 ORDER BY digest LIMIT ?3",
        )
        .bind(store, page.after ?? new Uint8Array(0), limitOf(page)),
    );
    return rows.map(({ digest }) => Uint8Array.from(digest));
  }

  /** Bytes of all content, each counted once. */
  async calculateTotalSize(store: string): Promise<number> {
    const [row] = await this.#inStore<{ size: number }>(
      store,
      this.#db
        .prepare("SELECT coalesce(sum(size), 0) AS size FROM store_content WHERE store = ?1")
        .bind(store),
    );
    return row?.size ?? 0;
  }

  /** Runs a statement and, in the same transaction, checks that the store exists. */
  async #inStore<Row>(store: string, statement: D1PreparedStatement): Promise<Row[]> {
    validateStore(store);
    const [found, result] = await this.#db.batch([
      this.#db.prepare("SELECT id FROM store WHERE id = ?1").bind(store),
      statement,
    ]);
    if (found === undefined || found.results.length === 0) throw storeNotFound(store);
    assert(result !== undefined, "a batch answers each statement");
    return result.results as Row[];
  }

  /** Before content is uploaded: content of no store would stay in R2 for nobody. */
  async #require(store: string): Promise<void> {
    if ((await this.owner(store)) === undefined) throw storeNotFound(store);
  }

  #insertContent(store: string, digest: Uint8Array, size: number): D1PreparedStatement {
    return this.#db
      .prepare(
        "INSERT INTO store_content (store, digest, size) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
      )
      .bind(store, digest, size);
  }

  /** Returns one row if the content is in the store, otherwise none, and then changes nothing. */
  #setLabel(store: string, label: string, digest: Uint8Array): D1PreparedStatement {
    return this.#db
      .prepare(
        `INSERT INTO label (store, label, digest, updated_ms)
         SELECT store, ?2, digest, ?4 FROM store_content WHERE store = ?1 AND digest = ?3
         ON CONFLICT (store, label) DO UPDATE
           SET digest = excluded.digest, updated_ms = excluded.updated_ms
         RETURNING digest`,
      )
      .bind(store, label, digest, this.#nowMs());
  }
}

/** Throws `bad-request` unless it is a word of a-z, 0-9 and -, of 1 to 63 characters. */
function validateStore(store: string): void {
  if (STORE_ID.test(store)) return;
  throw new TheaterError(
    "bad-request",
    "Name a store with 1 to 63 characters of a-z, 0-9 and -, not starting with -.",
  );
}

/**
 * Throws `bad-request` unless it is 1 to LABEL_BYTES_MAX bytes of well-formed text without control
 * characters and backslashes, in non-empty segments between slashes, none of them `.` or `..`: labels
 * appear in URLs, `store://` references and, on the command line, in paths.
 */
export function validateLabel(label: string): void {
  const segments = label.split("/");
  const form =
    label.isWellFormed() &&
    !/[\p{Cc}\\]/u.test(label) &&
    segments.every((segment) => segment !== "" && segment !== "." && segment !== "..");
  if (form && fromUtf8(label).length <= LABEL_BYTES_MAX) return;
  throw new TheaterError(
    "bad-request",
    `Write a label as names between slashes, ${LABEL_BYTES_MAX} bytes at most, without . and .. segments.`,
  );
}

function limitOf(page: Page): number {
  return Math.max(1, Math.min(page.limit ?? LISTING_MAX, LISTING_MAX));
}

function storeNotFound(store: string): TheaterError {
  return new TheaterError("not-found", "There is no store of this id: create it first.", { store });
}

function contentNotFound(store: string): TheaterError {
  return new TheaterError("not-found", "The store does not hold this content: put it first.", {
    store,
  });
}
