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
  // npm writes this one last: an installation that was cut off is done again.
  if (existsSync(join(PEERS, "node_modules/.package-lock.json"))) return;
  note("installing the peers (bench/peers), once …");
  // No scripts: none of the peers needs its own here, and one of their packages reports to its makers in it.
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  await run("npm", ["install", "--prefix", PEERS, ...quiet], { timeout: INSTALL_MS_MAX });
}

/** As it is installed. */
export async function peerVersion(name: string): Promise<string> {
  const file = join(PEERS, "node_modules", name, "package.json");
  const { version } = JSON.parse(await readFile(file, "utf8")) as { version: string };
  return version;
}
