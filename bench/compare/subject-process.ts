// Starts and ends the servers that are compared, each within a time limit: one that does not start is an outcome
// with its reason, never a measurement that hangs.

import { once } from "node:events";
import { join } from "node:path";
import { firstJson, startProgram, type Program } from "./peer-process.ts";
import type { Served } from "./served.ts";
import type { Subject } from "./subjects.ts";

const SERVE = join(import.meta.dirname, "serve.ts");
const START_MS_MAX = 90_000;
const STOP_MS_MAX = 20_000;
const REASON_CHARS_MAX = 300;

export interface Started {
  subject: Subject;
  served: Served;
  stop: () => Promise<void>;
}

export interface NotStarted {
  subject: Subject;
  reason: string;
}

export async function startSubject(subject: Subject): Promise<Started | NotStarted> {
  const program = startProgram(process.execPath, [SERVE, subject.id]);
  const stop = (): Promise<void> => stopped(program);
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`not ready after ${START_MS_MAX / 1000} s: ${program.errors()}`);
      timer = setTimeout(() => reject(error), START_MS_MAX);
    });
    const served = await Promise.race([firstJson<Served & { error?: string }>(program), late]);
    if (served.error !== undefined) throw new Error(served.error);
    return { subject, served, stop };
  } catch (thrown) {
    await stop();
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { subject, reason: reason.replaceAll(/\s+/g, " ").slice(0, REASON_CHARS_MAX) };
  } finally {
    clearTimeout(timer);
  }
}

/** Asks it to end, so that it ends what it has started itself. */
async function stopped({ child }: Program): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.stdin?.end();
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await exit;
  clearTimeout(late);
}
