// `theater dev` as a process: what it prints, and how it ends.

import { startDevServer, type DevOptions } from "./dev.ts";
import { fields, printableLines } from "./output.ts";
import type { Context } from "./context.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export type DevCommandOptions = Pick<
  DevOptions,
  "port" | "data" | "shards" | "sealEvents" | "plugins" | "bundled" | "loader"
>;

/** Resolves when a signal has ended the server. */
export async function dev(
  { connection, output }: Context,
  options: DevCommandOptions,
): Promise<void> {
  const signals = listenToSignals();
  const began = performance.now();
  output.note("starting workerd");
  const server = await startDevServer({
    ...options,
    token: connection.token,
    note: (line) => void process.stderr.write(`${printableLines(line)}\n`),
  });
  signals.keepForUs();
  const { url, token } = server;
  output.note(`ready after ${Math.round(performance.now() - began)} ms`);
  output.show({ url, token, data: options.data }, () =>
    fields([
      ["theater", url],
      ["token", token],
      ["data", options.data],
    ]),
  );
  await signals.first;
  output.note("stopping");
  await server.dispose();
}

/**
 * Our listener stays from the first to the last, because a signal that comes while the last listener is
 * exchanged for another is lost (seen on Node 24). Miniflare's own listeners end workerd and the process
 * at once, with an error's code: right until the server is up, and then no more.
 */
function listenToSignals(): { first: Promise<void>; keepForUs(): void } {
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const ours = (): void => {
    resolve();
    // Whoever asks twice does not want to wait; the next start cleans up.
    for (const signal of SIGNALS) process.removeListener(signal, ours);
  };
  for (const signal of SIGNALS) process.on(signal, ours);
  const keepForUs = (): void => {
    for (const signal of SIGNALS) {
      for (const listener of process.listeners(signal)) {
        if (listener !== ours) process.removeListener(signal, listener);
      }
    }
  };
  return { first, keepForUs };
}
