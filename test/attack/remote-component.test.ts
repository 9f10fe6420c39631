// Components by address: what is fetched, what is refused, and that a redirect leads nowhere new. Servers are
// real ones on this machine, so `allowLocal` is set where something is fetched at all.

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureTheaterError } from "../../src/lib/errors.ts";
import { fetchComponent } from "../../src/runtime/birth/remote-component.ts";
import { TINY } from "./hostile-guest.ts";
import { Stage, type Problem } from "./stage.ts";

const BYTES_MAX = 8 * 1024 * 1024;

let server: Server;
let base: string;

const answers: Record<string, RequestListener> = {
  "/tiny.wasm": (_, response) => response.end(TINY),
  "/moved": (_, response) => response.writeHead(302, { location: "/tiny.wasm" }).end(),
  "/loop": (_, response) => response.writeHead(307, { location: "/loop" }).end(),
  "/to-file": (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
  "/broken": (_, response) => response.writeHead(500).end("no"),
  "/slow": () => undefined,
  "/endless": (_, response) => {
    const chunk = new Uint8Array(1024 * 1024);
    let left = 256; // far more than anybody reads, and no more than the machine has
    const more = (): void => {
      while (left > 0 && !response.destroyed && response.write(chunk)) left--;
      if (left === 0) response.end();
    };
    response.on("drain", more);
    more();
  },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ""];
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const digest = `sha256:${createHash("sha256").update(TINY).digest("hex")}`;

async function outcome(address: string, allowLocal = true): Promise<string> {
  try {
    const bytes = await fetchComponent(address, {
      allowLocal,
      bytesMax: BYTES_MAX,
      deadlineMs: 2_000,
    });
    return `${bytes.length} bytes`;
  } catch (thrown) {
    const { code, message } = ensureTheaterError(thrown);
    return `${code}: ${message}`;
  }
}

test("an address, a redirect and a pinned address give the component", async () => {
  const whole = `${TINY.length} bytes`;
  for (const path of ["/tiny.wasm", "/moved", `/tiny.wasm#${digest}`, `/moved#${digest}`]) {
    expect(await outcome(base + path)).toBe(whole);
  }
});

test.for<[string, RegExp]>([
  ["/none", /^not-found: /],
  ["/broken", /^unavailable: .* answered 500/],
  ["/loop", /^bad-manifest: .*redirects more than 5 times/],
  ["/to-file", /^bad-manifest: .*only https is fetched/],
  ["/slow", /^unavailable: /],
  [`/tiny.wasm#sha256:${"0".repeat(64)}`, /^content-corrupt: /],
  ["/tiny.wasm#sha256:0", /^bad-manifest: .*behind #/],
])("%s is refused", async ([path, says]) => {
  expect(await outcome(base + path)).toMatch(says);
});

test("bytes beyond the limit are not read", async () => {
  expect(await outcome(`${base}/endless`)).toBe(
    `too-large: The component has more than ${BYTES_MAX} bytes.`,
  );
});

test.for([
  "http://example.com/a.wasm",
  "https://127.0.0.1/a.wasm",
  "https://2130706433/a.wasm",
  "https://0x7f.1/a.wasm",
  "https://[::1]/a.wasm",
  "https://[::ffff:10.0.0.1]/a.wasm",
  "https://10.1.2.3/a.wasm",
  "https://169.254.169.254/latest",
  "https://localhost/a.wasm",
  "https://LOCALHOST./a.wasm",
  "https://printer/a.wasm",
  "https://metadata.google.internal/a",
  "https://user:pass@example.com/a.wasm",
  "https://",
])("a deployed server does not even ask %s", async (address) => {
  expect(await outcome(address, false)).toMatch(/^bad-manifest: .*not followed/);
});

test("an actor starts from an address, and its genesis commits to what was found", async () => {
  const stage = await Stage.start();
  try {
    const handler = [{ type: "runtime" }, { type: "message-server" }];
    const id = (await stage.start(`${base}/moved`, { handler })) as string;
    const manifest = await (await stage.ask(`/v1/actors/${id}/manifest`)).text();
    expect(JSON.stringify((await stage.chain(id))[0])).not.toContain(base);
    expect(await (await stage.ask(`/v1/actors/${id}`)).json()).toMatchObject({ component: digest });
    expect(manifest).not.toContain("127.0.0.1");
    const refused = (await stage.start(`${base}/none`, { handler })) as Problem;
    expect(refused).toMatchObject({ code: "not-found", status: 404 });
  } finally {
    await stage.end();
  }
}, 60_000);
