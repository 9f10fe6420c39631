// The files of one actor, in its own database. Only the newest version has its content here: what older ones
// held is in the chain, as the arguments of the calls that wrote it, where it can be erased.
//
// Invariants: written only in the transaction that commits a turn; `file_root` names the version at each
// commit that changed something; content is here exactly as long as a file has it.

import { sha256 } from "../../chain/hash.ts";
import { folderOf, nameOf, ROOT } from "../../handlers/file-path.ts";
import { equalBytes } from "../../lib/bytes.ts";
import { assert } from "../../lib/errors.ts";
import { folderDigest } from "./tree-block.ts";

/** Made at the birth of an actor that has files. */
export const FILE_TABLES = `
  -- Written by FileTree. Files and folders; the root folder has no row.
  CREATE TABLE file (
    folder TEXT NOT NULL, -- normal path
    name TEXT NOT NULL,
    digest BLOB NOT NULL, -- of the content, or of the folder's block
    bytes INTEGER, -- null: a folder
    PRIMARY KEY (folder, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX file_digest ON file (digest);

  -- Written by FileTree. What files hold, once for each content.
  CREATE TABLE file_content (digest BLOB PRIMARY KEY, content BLOB NOT NULL) STRICT;

  -- Written by FileTree. The root's digest from the turn.committed at 'seq' on.
  CREATE TABLE file_root (seq INTEGER PRIMARY KEY, root BLOB NOT NULL) STRICT;
`;

/** What becomes of a path: its new content, a folder, or null: it goes. */
export type Change = Uint8Array | "folder" | null;

export interface Entry {
  digest: Uint8Array;
  /** Null: a folder. */
  bytes: number | null;
}

interface Row extends Record<string, SqlStorageValue> {
  name: string;
  digest: ArrayBuffer;
  bytes: number | null;
}

const UNKNOWN = new Uint8Array(32);

export class FileTree {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  entry(path: string): Entry | undefined {
    const [row] = this.#rows(
      "SELECT name, digest, bytes FROM file WHERE folder = ? AND name = ?",
      folderOf(path),
      nameOf(path),
    );
    return row === undefined ? undefined : { digest: new Uint8Array(row.digest), bytes: row.bytes };
  }

  children(folder: string): { name: string; digest: Uint8Array; bytes: number | null }[] {
    return this.#rows("SELECT name, digest, bytes FROM file WHERE folder = ?", folder).map(
      ({ name, digest, bytes }) => ({ name, digest: new Uint8Array(digest), bytes }),
    );
  }

  countIn(folder: string): number {
    const query = "SELECT count(*) AS count FROM file WHERE folder = ?";
    return this.#sql.exec<{ count: number }>(query, folder).toArray()[0]?.count ?? 0;
  }

  content(digest: Uint8Array): Uint8Array {
    const query = "SELECT content FROM file_content WHERE digest = ?";
    const [row] = this.#sql.exec<{ content: ArrayBuffer }>(query, digest).toArray();
    assert(row !== undefined, "a file's content is in the database");
    return new Uint8Array(row.content);
  }

  /** Files and folders, and the bytes of all files. */
  size(): { count: number; bytes: number } {
    const query = "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM file";
    const [row] = this.#sql.exec<{ count: number; bytes: number }>(query).toArray();
    return { count: row?.count ?? 0, bytes: row?.bytes ?? 0 };
  }

  /** In the transaction that appends the `turn.committed` at `seq`. */
  apply(changes: ReadonlyMap<string, Change>, seq: number): void {
    const replaced: Uint8Array[] = [];
    const folders = new Set<string>();
    for (const [path, change] of changes) {
      const before = this.entry(path);
      if (before !== undefined && before.bytes !== null) replaced.push(before.digest);
      this.#write(path, change);
      if (change === "folder") folders.add(path);
      for (let above = path; above !== ROOT;) folders.add((above = folderOf(above)));
    }
    const root = this.#rehash(folders);
    for (const digest of replaced) this.#drop(digest);
    if (root !== undefined && !this.#isRoot(root)) {
      this.#sql.exec("INSERT INTO file_root VALUES (?, ?)", seq, root);
    }
  }

  #write(path: string, change: Change): void {
    const place = [folderOf(path), nameOf(path)];
    if (change === null) {
      this.#sql.exec("DELETE FROM file WHERE folder = ? AND name = ?", ...place);
      return;
    }
    const isFolder = change === "folder";
    const digest = isFolder ? UNKNOWN : sha256(change);
    const bytes = isFolder ? null : change.length;
    this.#sql.exec("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", ...place, digest, bytes);
    if (isFolder) return;
    this.#sql.exec("INSERT OR IGNORE INTO file_content VALUES (?, ?)", digest, change);
  }

  /** The deepest first: a folder's block names those of the folders in it. Returns the root's digest. */
  #rehash(folders: ReadonlySet<string>): Uint8Array | undefined {
    let root: Uint8Array | undefined;
    for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
      const digest = folderDigest(this.children(folder));
      if (folder === ROOT) root = digest;
      else {
        const query = "UPDATE file SET digest = ? WHERE folder = ? AND name = ?";
        this.#sql.exec(query, digest, folderOf(folder), nameOf(folder));
      }
    }
    return root;
  }

  #drop(digest: Uint8Array): void {
    this.#sql.exec(
      `DELETE FROM file_content WHERE digest = ?1
       AND NOT EXISTS (SELECT 1 FROM file WHERE digest = ?1 AND bytes IS NOT NULL)`,
      digest,
    );
  }

  #isRoot(root: Uint8Array): boolean {
    const query = "SELECT root FROM file_root ORDER BY seq DESC LIMIT 1";
    const [row] = this.#sql.exec<{ root: ArrayBuffer }>(query).toArray();
    return row !== undefined && equalBytes(new Uint8Array(row.root), root);
  }

  #rows(query: string, ...bindings: SqlStorageValue[]): Row[] {
    return this.#sql.exec<Row>(query, ...bindings).toArray();
  }
}
