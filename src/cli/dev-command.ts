// `theater dev` as a process: what it prints, and how it ends.

import { startDevServer } from "./dev.ts";
import { fields, printableLines } from "./output.ts";
import type { Context } from "./program.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Resolves when a signal has ended the server. */
export async function dev(
  { connection, output }: Context,
  options: { port: number; data: string },
): Promise<void> {
  const began = performance.now();
  output.note("starting workerd");
  const server = await startDevServer({
    ...options,
    token: connection.token,
    note: (line) => void process.stderr.write(`${printableLines(line)}\n`),
  });
  const { url, token } = server;
  output.note(`ready after ${Math.round(performance.now() - began)} ms`);
  output.show({ url, token, data: options.data }, () =>
    fields([
      ["theater", url],
      ["token", token],
      ["data", options.data],
    ]),
  );
  await signalled();
  output.note("stopping");
  await server.dispose();
}

/** Until here Miniflare's own listeners end workerd and the process, at once and with an error's code. */
async function signalled(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of SIGNALS) {
      process.removeAllListeners(signal);
      process.once(signal, () => resolve());
    }
  });
}
