// A peer's own programs, as processes of a serving process: what they say when they are ready, and their end.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

const END_MS_MAX = 5_000;
const ERROR_CHARS_MAX = 2_000;

export interface Program {
  child: ChildProcess;
  /** Its newest words to stderr. */
  errors: () => string;
  end: () => Promise<void>;
}

/** What must be ended whatever happens, also while a server is still starting: see `endEverything`. */
const endings = new Set<() => Promise<void>>();

export function endLater(end: () => Promise<void>): void {
  endings.add(end);
}

/** In the order in which it was started. */
export async function endEverything(): Promise<void> {
  for (const end of endings) {
    endings.delete(end);
    await end();
  }
}

export function startProgram(
  command: string,
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Program {
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + String(chunk)).slice(-ERROR_CHARS_MAX);
  });
  child.stdout.on("data", () => undefined); // or it stops when the pipe is full
  child.on("error", (error) => (errors += error.message));
  return { child, errors: () => errors, end: () => ended(child) };
}

/** The first line of JSON that it prints. Throws if it ends without. */
export async function firstJson<T>({ child, errors }: Program): Promise<T> {
  if (child.stdout === null) throw new Error("the program has no output");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("{")) {
      child.stdout.resume();
      return JSON.parse(line) as T;
    }
  }
  throw new Error(`it ended without being ready: ${errors()}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = once(child, "exit");
  child.stdin?.end();
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
  await closed;
  clearTimeout(late);
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen({ host: "127.0.0.1", port: 0 });
  await once(probe, "listening");
  const address = probe.address();
  await new Promise((closed) => probe.close(closed));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
