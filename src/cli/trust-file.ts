// The keys that the person at this machine trusts, and, beside them, the last checkpoint of each chain that one of these
// keys signed. Invariant: a remembered checkpoint is only ever replaced by a larger one that continues it.

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { parseCheckpoint, parseOrigin, type Checkpoint } from "../chain/checkpoint.ts";
import { sha256 } from "../chain/hash.ts";
import { parseNote, parseVerifierKey, verifierKey, type TrustedKey } from "../chain/note.ts";
import { fromUtf8, toHex } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { writeWhole } from "./whole-file.ts";

export interface Remembered {
  checkpoint: Checkpoint;
  /** As it was signed: evidence, should the log ever contradict it. */
  note: string;
  path: string;
}

/** `THEATER_TRUST`, or `theater/trust.json` where this system keeps a person's settings. */
export function trustPath(): string {
  const { THEATER_TRUST: own, XDG_CONFIG_HOME: config } = process.env;
  if (own) return own;
  return join(config || join(homedir(), ".config"), "theater", "trust.json");
}

/** Throws `bad-request` where the file is not one of ours: an auditor must not lose her keys unnoticed. */
export async function readTrust(): Promise<TrustedKey[]> {
  const path = trustPath();
  const text = await readIfThere(path);
  if (text === undefined) return [];
  try {
    const { keys }: { keys?: unknown } = JSON.parse(text) ?? {};
    if (!Array.isArray(keys)) throw new TheaterError("bad-request", "It has no list of keys.");
    return keys.map((key) => parseVerifierKey(String(key)));
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `Mend or delete ${path}: it should be {"keys": [verifier keys]}.`;
    throw new TheaterError("bad-request", message, { path, reason });
  }
}

export async function writeTrust(keys: readonly TrustedKey[]): Promise<void> {
  const text = `${JSON.stringify({ keys: keys.map(verifierKey) }, null, 2)}\n`;
  await writeWhole(trustPath(), text, true);
}

/** Those of the keys that sign for this chain: they have its own name, or its log's. */
export function keysOf(trusted: readonly TrustedKey[], origin: string): TrustedKey[] {
  const log = parseOrigin(origin)?.log;
  return trusted.filter(({ name }) => name === origin || name === log);
}

/** Throws `bad-request` where the file was damaged. */
export async function readRemembered(origin: string): Promise<Remembered | null> {
  const path = rememberedPath(origin);
  const note = await readIfThere(path);
  if (note === undefined) return null;
  try {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    if (checkpoint.origin === origin) return { checkpoint, note, path };
  } catch (thrown) {
    if (!(thrown instanceof TheaterError)) throw thrown;
  }
  const message = `Look at ${path} and delete it: it should be a checkpoint of ${origin}.`;
  throw new TheaterError("bad-request", message, { path });
}

/** Does nothing where a larger one is known already. The caller has seen that it continues the one before. */
export async function remember(origin: string, note: string): Promise<void> {
  const before = await readRemembered(origin);
  const { size } = parseCheckpoint(parseNote(note).text);
  if (before !== null && before.checkpoint.size >= size) return;
  await writeWhole(rememberedPath(origin), note, true);
}

/** One file per chain, so that two runs never write the same one for different chains. */
function rememberedPath(origin: string): string {
  const actor = parseOrigin(origin)?.actor ?? "";
  const file = `${actor}-${toHex(sha256(fromUtf8(origin))).slice(0, 16)}.checkpoint`;
  return join(dirname(trustPath()), "checkpoints", file);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}
