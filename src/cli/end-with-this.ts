// Ends another process when this one is gone, however it went: SIGKILL lets nobody clean up. A shell waits for the end
// of a pipe that only this process holds open. Rule: whoever ends the other process lets go of it first, so the shell
// never kills a pid that somebody else has been given.

import { spawn } from "node:child_process";

/** Signals for the whole group are for this process to handle: the shell waits for what becomes of it. */
const WAIT = 'trap "" INT TERM HUP; read -r line || kill -9 "$1"';

/** The answer lets go. Where there is no shell, nothing is ended. */
export function endWithThisProcess(pid: number): () => void {
  const shell = spawn("/bin/sh", ["-c", WAIT, "sh", String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.on("error", () => undefined);
  shell.stdin.on("error", () => undefined);
  shell.unref();
  return () => void shell.stdin.write("over\n");
}
