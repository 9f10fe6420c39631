// What every workerd has in common that is started on this machine: the deployed platform, the loopback address
// only, a free port, and no lines of Miniflare's own.

import { Log, LogLevel } from "miniflare";
import type { Platform } from "./platform.ts";

export const LOOPBACK = "127.0.0.1";

/** Options of Miniflare; each start adds what it runs. */
interface Loopback extends Platform {
  host: string;
  port: number;
  cf: false;
  log: Log;
}

export function loopback(platform: Platform): Loopback {
  return { ...platform, host: LOOPBACK, port: 0, cf: false, log: new Log(LogLevel.NONE) };
}
