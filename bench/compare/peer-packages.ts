// The peers' package (bench/peers), which is installed when the comparison first needs it.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export const PEERS = join(import.meta.dirname, "../peers");

const INSTALL_MS_MAX = 600_000;

export async function installPeers(note: (line: string) => void): Promise<void> {
  if (existsSync(join(PEERS, "node_modules"))) return;
  note("installing the peers (bench/peers), once …");
  // No scripts: none of the peers needs its own here, and one of their packages reports to its makers in it.
  const args = ["install", "--prefix", PEERS, "--ignore-scripts", "--no-audit", "--no-fund"];
  await run("npm", args, { timeout: INSTALL_MS_MAX });
}

/** As it is installed. */
export async function peerVersion(name: string): Promise<string> {
  const file = join(PEERS, "node_modules", name, "package.json");
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  return version;
}
