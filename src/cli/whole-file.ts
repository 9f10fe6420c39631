// Files that are whole or not there: written under another name beside their place, and given their own name
// when the last byte is on the disk. What was there before stays until then.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fromUtf8 } from "../lib/bytes.ts";

export interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  /** Throws `bad-request` and the like of the file system; nothing is at the place then. */
  finish(): Promise<void>;
  /** Leaves what was there before. */
  discard(): Promise<void>;
}

/** `-` is standard output, where nothing can be taken back. */
export async function openSink(path: string): Promise<Sink> {
  return path === "-" ? standardOutput : await openWhole(path);
}

/** Makes the folder too; both only for the owner to read where `isPrivate`. */
export async function writeWhole(
  path: string,
  contents: string | Uint8Array,
  isPrivate = false,
): Promise<void> {
  if (isPrivate) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const sink = path === "-" ? standardOutput : await openWhole(path, isPrivate ? 0o600 : undefined);
  try {
    await sink.write(typeof contents === "string" ? fromUtf8(contents) : contents);
    await sink.finish();
  } catch (thrown) {
    await sink.discard();
    throw thrown;
  }
}

async function openWhole(path: string, mode?: number): Promise<Sink> {
  const part = `${path}.${randomBytes(4).toString("hex")}.part`;
  const handle = await open(part, "wx", mode);
  return {
    write: (bytes) => handle.appendFile(bytes),
    async finish() {
      await handle.sync();
      await handle.close();
      await rename(part, path);
    },
    async discard() {
      await handle.close();
      await rm(part, { force: true });
    },
  };
}

const standardOutput: Sink = {
  async write(bytes) {
    if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
  },
  finish: () => Promise.resolve(),
  discard: () => Promise.resolve(),
};
