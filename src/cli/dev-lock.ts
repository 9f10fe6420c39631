// Who holds a data folder. Two runtimes on the same files would make two incarnations of every actor,
// and killing node does not kill workerd, which goes on answering and firing alarms (measured on workerd
// 1.20261102). So the lock names both processes, and a start first ends what an earlier one left.
//
// Invariants: `lock-<n>.json` is created once, whole, by link(2); only its creator changes it; the highest
// n is the lock. It is never deleted by its holder (a released lock says `node: null`), so n only grows
// and two starts at the same moment cannot both win.

import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { TheaterError } from "../lib/errors.ts";
import { endProcess, isRunning, processRef, type ProcessRef } from "./dev-process.ts";

interface Holder {
  /** Null once released. */
  node: ProcessRef | null;
  workerd: ProcessRef | null;
  url: string | null;
}

export interface FolderLock {
  /** Writes down what a later start has to end, and where people find this server. */
  update(change: { workerd?: ProcessRef; url?: string }): Promise<void>;
  release(): Promise<void>;
}

/** Starts that race for one folder settle in two rounds; more means that the folder misbehaves. */
const ROUNDS_MAX = 10;

/**
 * Takes the folder, making it if need be, and ends the workerd that a killed server left in it.
 * `orphan` is that workerd's pid. Throws `wrong-state` while a live server holds the folder.
 */
export async function lockFolder(
  folder: string,
): Promise<{ lock: FolderLock; orphan: number | undefined }> {
  await mkdir(folder, { recursive: true });
  let orphan: number | undefined;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const last = (await lockNumbers(folder)).at(-1) ?? 0;
    const holder = await readHolder(folder, last);
    if (holder?.node && (await isRunning(holder.node))) throw heldBy(folder, holder);
    if (holder?.workerd && (await endProcess(holder.workerd))) orphan = holder.workerd.pid;
    const lock = await createLock(folder, last + 1);
    if (lock !== undefined) return { lock, orphan };
  }
  throw new TheaterError("wrong-state", `${folder} cannot be locked; use another --data folder`);
}

function heldBy(folder: string, holder: Holder): TheaterError {
  const where = holder.url === null ? "" : ` at ${holder.url}`;
  return new TheaterError(
    "wrong-state",
    `process ${holder.node?.pid} serves ${folder}${where}; stop it or use another --data folder`,
    { pid: holder.node?.pid, url: holder.url },
  );
}

const lockPath = (folder: string, number: number): string => join(folder, `lock-${number}.json`);

/** Ascending. */
async function lockNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  const numbers = names.map((name) => Number(/^lock-(\d+)\.json$/.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0).toSorted((a, b) => a - b);
}

/** Undefined if there is none, or if its bytes did not survive a power cut: then no process did either. */
async function readHolder(folder: string, number: number): Promise<Holder | undefined> {
  try {
    const holder: Holder = JSON.parse(await readFile(lockPath(folder, number), "utf8"));
    return holder;
  } catch {
    return undefined;
  }
}

/** Removes older locks, and drafts of starts that were killed while they wrote. */
async function sweep(folder: string, kept: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const isOld = /^lock-(draft|\d)/.test(name) && name !== kept;
    if (isOld) await rm(join(folder, name), { force: true });
  }
}

/** Undefined if another start was faster. */
async function createLock(folder: string, number: number): Promise<FolderLock | undefined> {
  const node = (await processRef(process.pid)) ?? null;
  let holder: Holder = { node, workerd: null, url: null };
  const path = lockPath(folder, number);
  const draft = join(folder, `lock-draft-${randomUUID()}`);
  await writeFile(draft, JSON.stringify(holder));
  try {
    await link(draft, path);
  } catch (thrown) {
    // EEXIST: the other has this number. ENOENT: it has swept our draft away with those of the dead.
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "EEXIST" || code === "ENOENT") return undefined;
    throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
  const numbers = await lockNumbers(folder);
  if (numbers.some((other) => other > number)) {
    await rm(path, { force: true });
    return undefined;
  }
  await sweep(folder, basename(path));
  const write = async (next: Holder): Promise<void> => {
    holder = next;
    await writeFile(draft, JSON.stringify(holder));
    await rename(draft, path);
  };
  return {
    update: async (change) => await write({ ...holder, ...change }),
    release: async () => await write({ node: null, workerd: null, url: null }),
  };
}
