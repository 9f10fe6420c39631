// A real browser, where one is installed, and the pages that it is shown.

import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium, type Browser } from "playwright-core";

const PATHS = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** Where Chromium is; undefined where it is not. */
export const chromiumPath = PATHS.find((path) => path !== undefined && existsSync(path));

// No sandbox, because tests run as root in containers; nothing that talks to anybody but the test.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function launchChromium(executablePath: string): Promise<Browser> {
  return await chromium.launch({ executablePath, headless: true, args: FLAGS, timeout: 60_000 });
}

export interface Site {
  /** Ends with a slash. A page on 127.0.0.1 is one that browsers give WebCrypto. */
  url: string;
  close(): Promise<void>;
}

/** Serves these texts under their paths, and nothing else. */
export async function serveSite(
  files: Record<string, [type: string, text: string]>,
): Promise<Site> {
  const server: Server = createServer(({ url = "" }, response) => {
    const [type, text] = files[url] ?? [];
    if (type === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": type }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
