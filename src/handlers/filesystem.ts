// `theater:simple/filesystem`: files of the actor's own, which nobody else can name. Writes become real when
// the turn commits.
//
// Rule: the grant says what may be done and where; every path is brought to its one normal form first.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import { folderOf, holds, normalPath, ROOT } from "./file-path.ts";
import {
  denied,
  err,
  impossible,
  isOk,
  ok,
  type CallContext,
  type Handler,
  type HandlerAnswer,
  type HostFunction,
} from "./handler.ts";

import { both, coversPath, least, narrowing, nested } from "./narrow.ts";

const FILESYSTEM = "theater:simple/filesystem";

/** One file: a row of the actor's database, which takes 2 MiB at most. */
const FILE_BYTES_MAX = 1024 * 1024;
/** Names in one folder: a folder is a block of at most 1 MiB. */
const FOLDER_NAMES_MAX = 1_000;
/** All files, where the manifest is silent, and at most. */
const BYTES_DEFAULT = 16 * 1024 * 1024;
const BYTES_MAX = 256 * 1024 * 1024;
/** All files and folders, where the manifest is silent, and at most. */
const FILES_DEFAULT = 1_000;
const FILES_MAX = 10_000;
const PATHS_MAX = 64;

/** The actor's files as the turn has made them so far. Paths are normal, and their folders exist. */
export interface Files {
  kindOf(path: string): "file" | "folder" | undefined;
  /** Of a file. */
  read(path: string): Uint8Array;
  /** Of a file; 0 for anything else. */
  bytesOf(path: string): number;
  /** The names in a folder, sorted. */
  list(path: string): string[];
  /** How many names a folder has. */
  countIn(path: string): number;
  write(path: string, bytes: Uint8Array): void;
  makeFolder(path: string): void;
  /** A file, or a folder with all that is in it. */
  remove(path: string): void;
  /** Of all files and folders. */
  readonly size: { readonly count: number; readonly bytes: number };
}

/** What is absent allows nothing. */
interface FilesystemGrant {
  read?: boolean;
  write?: boolean;
  allowedPaths?: readonly string[];
  maxBytes?: number;
  maxFiles?: number;
}

interface Operation {
  files: Files;
  path: string;
  grant: FilesystemGrant;
  /** As the guest wrote it. */
  given: string;
  /** The argument behind the path. */
  content: string;
}

function onPath(
  right: "read" | "write",
  operation: (call: Operation) => HandlerAnswer,
): HostFunction {
  const call = async (context: CallContext, args: readonly Value[]): Promise<HandlerAnswer> => {
    const grant = (context.grant ?? {}) as FilesystemGrant;
    const [given, content] = args as readonly string[]; // by their WIT types
    const normal = normalPath(given ?? "");
    if ("problem" in normal) return err(`bad-path: ${normal.problem}`);
    const { path } = normal;
    if (grant[right] !== true) {
      return denied(
        `this actor may not ${right} files (${right} = true in its manifest grants it)`,
      );
    }
    if (grant.allowedPaths?.some((folder) => holds(folder, path)) !== true) {
      return denied(`the path ${shown(path)} is not in allowed_paths`);
    }
    const { files } = context.services;
    return operation({ files, path, grant, given: shown(path), content: content ?? "" });
  };
  // What a turn that was interrupted wrote is written again, to files that are as they were.
  const again: HostFunction["again"] = async (context, args, recorded) => {
    if (isOk(recorded)) await call(context, args);
  };
  return { effect: "local", call, ...(right === "write" ? { again } : {}) };
}

/** As a guest would write it. */
const shown = (path: string): string => (path === ROOT ? "." : path.slice(1));

function readFile({ files, path, given }: Operation): HandlerAnswer {
  const kind = files.kindOf(path);
  if (kind === "folder") return err(`is-folder: ${given} is a folder`);
  return kind === undefined ? err(`not-found: there is no file ${given}`) : ok(files.read(path));
}

function writeFile({ files, path, grant, given, content }: Operation): HandlerAnswer {
  const bytes = fromUtf8(content);
  const kind = files.kindOf(path);
  if (kind === "folder") return err(`is-folder: ${given} is a folder`);
  if (bytes.length > FILE_BYTES_MAX) {
    return err(
      `too-large: a file has at most ${FILE_BYTES_MAX} bytes, and this has ${bytes.length}`,
    );
  }
  const { maxBytes = 0 } = grant;
  if (files.size.bytes - files.bytesOf(path) + bytes.length > maxBytes) {
    return denied(`all files together have at most ${maxBytes} bytes (max_bytes)`);
  }
  if (kind === undefined) {
    const full = noRoom(files, folderOf(path), grant);
    if (full !== undefined) return full;
  }
  files.write(path, bytes);
  return ok(null);
}

/** Why there can be no new name in the folder; undefined if there can. */
function noRoom(files: Files, folder: string, grant: FilesystemGrant): HandlerAnswer | undefined {
  const kind = files.kindOf(folder);
  if (kind === undefined) return err(`not-found: there is no folder ${shown(folder)}`);
  if (kind === "file") return err(`not-folder: ${shown(folder)} is a file`);
  const { maxFiles = 0 } = grant;
  if (files.size.count >= maxFiles) {
    return denied(`there are at most ${maxFiles} files and folders (max_files)`);
  }
  return files.countIn(folder) < FOLDER_NAMES_MAX
    ? undefined
    : err(`too-many: a folder has at most ${FOLDER_NAMES_MAX} names`);
}

function listFiles({ files, path, given }: Operation): HandlerAnswer {
  const kind = files.kindOf(path);
  if (kind === "file") return err(`not-folder: ${given} is a file`);
  return kind === undefined ? err(`not-found: there is no folder ${given}`) : ok(files.list(path));
}

function deleteFile({ files, path, given }: Operation): HandlerAnswer {
  const kind = files.kindOf(path);
  if (kind === "folder") return err(`is-folder: ${given} is a folder`);
  if (kind === undefined) return err(`not-found: there is no file ${given}`);
  files.remove(path);
  return ok(null);
}

/** Like `mkdir -p`: what is there already is no error. The folders above a granted one are made with it. */
function createDir({ files, path, grant, given }: Operation): HandlerAnswer {
  const missing: string[] = [];
  for (let folder = path; files.kindOf(folder) !== "folder"; folder = folderOf(folder)) {
    if (files.kindOf(folder) === "file") return err(`not-folder: ${shown(folder)} is a file`);
    missing.unshift(folder);
  }
  const { maxFiles = 0 } = grant;
  if (files.size.count + missing.length > maxFiles) {
    return denied(`there are at most ${maxFiles} files and folders (max_files)`);
  }
  const [first] = missing;
  if (first !== undefined && files.countIn(folderOf(first)) >= FOLDER_NAMES_MAX) {
    return err(`too-many: a folder has at most ${FOLDER_NAMES_MAX} names: ${given} has no room`);
  }
  for (const folder of missing) files.makeFolder(folder);
  return ok(null);
}

function deleteDir({ files, path, given }: Operation): HandlerAnswer {
  const kind = files.kindOf(path);
  if (path === ROOT) return err("bad-path: the root folder stays");
  if (kind === "file") return err(`not-folder: ${given} is a file`);
  if (kind === undefined) return err(`not-found: there is no folder ${given}`);
  files.remove(path);
  return ok(null);
}

const NO_COMMANDS =
  "unsupported: actors run at the edge, where there are no processes: no command can be run";

/** In the manifest a path may begin with a slash: it always means the root of the actor's own files. */
const grantedPath = z.string().transform((text, context) => {
  const normal = normalPath(text.replace(/^\/+/, ""));
  if ("path" in normal) return normal.path;
  context.addIssue({ code: "custom", message: normal.problem });
  return z.NEVER;
});

export const filesystem: Handler = {
  type: "filesystem",
  may: "keep files of its own under the paths named here",
  imports: [FILESYSTEM],
  exports: [],
  config: z
    .strictObject({
      read: z.boolean().default(false),
      write: z.boolean().default(false),
      allowed_paths: z.array(grantedPath).max(PATHS_MAX).default([]),
      max_bytes: z.int().positive().max(BYTES_MAX).default(BYTES_DEFAULT),
      max_files: z.int().positive().max(FILES_MAX).default(FILES_DEFAULT),
    })
    .transform((config): Value => ({
      read: config.read,
      write: config.write,
      allowedPaths: config.allowed_paths,
      maxBytes: config.max_bytes,
      maxFiles: config.max_files,
    })),
  narrow: narrowing({
    read: both,
    write: both,
    allowedPaths: nested(coversPath),
    maxBytes: least,
    maxFiles: least,
  }),
  pure: {},
  functions: {
    [`${FILESYSTEM}#read-file`]: onPath("read", readFile),
    [`${FILESYSTEM}#list-files`]: onPath("read", listFiles),
    [`${FILESYSTEM}#path-exists`]: onPath("read", ({ files, path }) =>
      ok(files.kindOf(path) !== undefined),
    ),
    [`${FILESYSTEM}#write-file`]: onPath("write", writeFile),
    [`${FILESYSTEM}#delete-file`]: onPath("write", deleteFile),
    [`${FILESYSTEM}#create-dir`]: onPath("write", createDir),
    [`${FILESYSTEM}#delete-dir`]: onPath("write", deleteDir),
    [`${FILESYSTEM}#execute-command`]: impossible(NO_COMMANDS),
    [`${FILESYSTEM}#execute-nix-command`]: impossible(NO_COMMANDS),
  },
};
