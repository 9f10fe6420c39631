// Paths of an actor's own files: one spelling for one file. A path that could mean two things, or lead out of
// the tree, is refused rather than mended. There are no links of any kind in the tree.

import { utf8Length } from "../chain/key-order.ts";

/** UTF-8 bytes of a whole path. */
export const PATH_BYTES_MAX = 1024;
/** UTF-8 bytes of one name: what a key of a block can hold. */
export const NAME_BYTES_MAX = 255;
/** Folders inside each other. */
export const PATH_DEPTH_MAX = 32;

export type NormalPath = { path: string } | { problem: string };

/** The root folder in its normal form. */
export const ROOT = "/";

// Control characters would let a listing show something else than there is.
// oxlint-disable-next-line no-control-regex -- exactly these
const CONTROL = /[\0-\x1f\x7f]/;

/**
 * The normal form of a guest's path, which is relative to the root: "/" and the names, joined by "/". Empty
 * names and "." go away. Names differ by their code points; nothing is case-folded or Unicode-normalised.
 */
export function normalPath(given: string): NormalPath {
  if (given.startsWith("/")) return { problem: "paths are relative: leave out the first /" };
  if (utf8Length(given) > PATH_BYTES_MAX) {
    return { problem: `a path has at most ${PATH_BYTES_MAX} bytes` };
  }
  if (CONTROL.test(given)) return { problem: "a path has no control characters" };
  const names = given.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) return { problem: 'a path has no ".."' };
  if (names.length > PATH_DEPTH_MAX) {
    return { problem: `a path has at most ${PATH_DEPTH_MAX} names` };
  }
  if (names.some((name) => utf8Length(name) > NAME_BYTES_MAX)) {
    return { problem: `a name has at most ${NAME_BYTES_MAX} bytes` };
  }
  return { path: ROOT + names.join("/") };
}

/** The folder of a path that is not the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function inFolder(folder: string, name: string): string {
  return folder === ROOT ? ROOT + name : `${folder}/${name}`;
}

/** Whether a normal path is the folder itself or lies in it: "/a" holds "/a/b" and not "/ab". */
export function holds(folder: string, path: string): boolean {
  return folder === ROOT || path === folder || path.startsWith(`${folder}/`);
}
