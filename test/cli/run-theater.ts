// The command line as a script uses it: a process of its own, its two streams and its exit code.

import { spawn } from "node:child_process";
import { buffer } from "node:stream/consumers";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

/** Trusts nobody, whatever the person at this machine trusts. */
const NO_TRUST = join(mkdtempSync(join(tmpdir(), "theater-trust-")), "trust.json");

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
  bytes: Uint8Array;
}

export interface RunOptions {
  url?: string;
  token?: string;
  stdin?: string | Uint8Array;
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs `theater` with no settings but the given ones. */
export async function theater(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { url, token, stdin, cwd, env } = options;
  const { PATH = "", NODE_COMPILE_CACHE = "" } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH,
      NODE_COMPILE_CACHE,
      THEATER_TRUST: NO_TRUST,
      ...(url === undefined ? {} : { THEATER_URL: url }),
      ...(token === undefined ? {} : { THEATER_TOKEN: token }),
      ...env,
    },
    ...(cwd === undefined ? {} : { cwd }),
  });
  child.stdin.end(stdin ?? "");
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [bytes, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  return { code: await code, stdout: bytes.toString(), stderr: stderr.toString(), bytes };
}
