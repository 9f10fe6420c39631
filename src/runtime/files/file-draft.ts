// An actor's files as one turn sees them: what it has changed so far, over what is committed. Nothing of it is
// real until the turn commits; a turn that ends otherwise drops it.

import { folderOf, inFolder, nameOf, ROOT } from "../../handlers/file-path.ts";
import type { Files } from "../../handlers/filesystem.ts";
import type { Change, FileTree } from "./file-tree.ts";

export class FileDraft implements Files {
  readonly #tree: FileTree;
  /** By folder, then by name. */
  readonly #changes = new Map<string, Map<string, Change>>();
  /** Names by folder, of the folders that were asked about: counted once, whatever the turn writes. */
  readonly #counts = new Map<string, number>();
  #size: { count: number; bytes: number } | undefined;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  /** By path; empty if the turn has changed nothing. */
  get changes(): ReadonlyMap<string, Change> {
    const all = [...this.#changes].flatMap(([folder, names]) =>
      [...names].map(([name, change]) => [inFolder(folder, name), change] as const),
    );
    return new Map(all);
  }

  get size(): { readonly count: number; readonly bytes: number } {
    return (this.#size ??= this.#tree.size());
  }

  kindOf(path: string): "file" | "folder" | undefined {
    if (path === ROOT) return "folder";
    const change = this.#change(path);
    if (change === null) return undefined;
    if (change !== undefined) return change === "folder" ? "folder" : "file";
    const entry = this.#tree.entry(path);
    if (entry === undefined) return undefined;
    return entry.bytes === null ? "folder" : "file";
  }

  read(path: string): Uint8Array {
    const change = this.#change(path);
    if (change instanceof Uint8Array) return change;
    const entry = this.#tree.entry(path);
    return entry === undefined ? new Uint8Array(0) : this.#tree.content(entry.digest);
  }

  bytesOf(path: string): number {
    if (path === ROOT) return 0;
    const change = this.#change(path);
    if (change !== undefined) return change instanceof Uint8Array ? change.length : 0;
    return this.#tree.entry(path)?.bytes ?? 0;
  }

  list(path: string): string[] {
    const names = new Set(this.#tree.children(path).map(({ name }) => name));
    for (const [name, change] of this.#changes.get(path) ?? []) {
      if (change === null) names.delete(name);
      else names.add(name);
    }
    return [...names].sort();
  }

  countIn(path: string): number {
    const count = this.#counts.get(path) ?? this.#tree.countIn(path);
    this.#counts.set(path, count);
    return count;
  }

  write(path: string, bytes: Uint8Array): void {
    this.#set(path, bytes);
  }

  makeFolder(path: string): void {
    this.#set(path, "folder");
  }

  remove(path: string): void {
    if (this.kindOf(path) === "folder") {
      for (const name of this.list(path)) this.remove(inFolder(path, name));
    }
    this.#set(path, null);
  }

  #change(path: string): Change | undefined {
    return this.#changes.get(folderOf(path))?.get(nameOf(path));
  }

  #set(path: string, change: Change): void {
    const kind = this.kindOf(path);
    const { count, bytes } = this.size;
    const more = (change === null ? 0 : 1) - (kind === undefined ? 0 : 1);
    this.#counts.set(folderOf(path), this.countIn(folderOf(path)) + more);
    this.#size = {
      count: count + more,
      bytes: bytes - this.bytesOf(path) + (change instanceof Uint8Array ? change.length : 0),
    };
    const names = this.#changes.get(folderOf(path)) ?? new Map<string, Change>();
    names.set(nameOf(path), change);
    this.#changes.set(folderOf(path), names);
  }
}
