import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { isRunning } from "../../src/cli/dev-process.ts";
import {
  type DevProcess,
  endAll,
  get,
  gone,
  killBoth,
  killNode,
  startDev,
  startedDev,
} from "./dev-process.ts";

let folder: string;
/** What the test before has left running on a folder of its own: a start takes seconds. */
let left: (DevProcess & { folder: string }) | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-dev-"));
});
afterEach(() => {
  if (left === undefined) endAll();
});
afterAll(endAll);

const portOf = (url: string): number => Number(new URL(url).port);

/** The server that is left, or a new one. */
async function oneOf(): Promise<DevProcess & { folder: string }> {
  const taken = left ?? { ...(await startedDev(folder)), folder };
  left = undefined;
  return taken;
}

test("it answers as soon as it says so, and only to its token", async () => {
  left = await oneOf();
  const { url } = left;
  expect((await get(url, "/v1/actors")).status).toBe(200);
  expect((await fetch(`${url}/v1/actors`)).status).toBe(401);
});

test("nothing of the local platform is reachable beside the Worker", async () => {
  left = await oneOf();
  const { url } = left;
  for (const path of ["/cdn-cgi/local/r2/public/CONTENT/x", "/cdn-cgi/local/explorer"]) {
    expect((await fetch(url + path)).headers.get("content-type")).toBe("application/problem+json");
  }
});

test.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends it with 0, takes workerd along and frees the folder",
  async (signal) => {
    const { node, workerd, url, folder: own } = await oneOf();
    node.kill(signal);
    await once(node, "close");
    expect(node.exitCode).toBe(0);
    await gone(workerd);
    const again = await startedDev(own, portOf(url));
    left = { ...again, folder: own };
    expect(again.notes()).not.toContain("ended workerd");
  },
);

test("Ctrl-C, which reaches workerd at the same moment, ends it with 0 too", async () => {
  const { node, workerd } = await oneOf();
  process.kill(-(node.pid ?? 0), "SIGINT");
  await once(node, "close");
  expect(node.exitCode).toBe(0);
  await gone(workerd);
});

test("a port that is taken is refused, and the folder is free afterwards", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const refused = await startDev(folder, port);
  expect("stderr" in refused && JSON.parse(refused.stderr)).toMatchObject({
    code: "wrong-state",
    message: expect.stringContaining(`port ${port} is taken`),
  });
  taken.close();
  await startedDev(folder, port);
});

test("a second server on the same folder is refused, and the first goes on", async () => {
  left = { ...(await startedDev(folder)), folder };
  const { url, node } = left;
  const second = await startDev(folder);
  expect(second).toMatchObject({ code: 1 });
  expect("stderr" in second && JSON.parse(second.stderr)).toMatchObject({
    code: "wrong-state",
    evidence: { pid: node.pid, url },
  });
  expect((await get(url, "/v1/actors")).status).toBe(200);
});

test("killing node leaves workerd answering, and the next start ends it first", async () => {
  const first = await oneOf();
  await killNode(first);
  // The fact that the lock exists for; if this fails, the lock has become simpler than it is.
  expect(await isRunning(first.workerd)).toBe(true);
  expect((await get(first.url, "/v1/actors")).status).toBe(200);
  const second = await startedDev(first.folder, portOf(first.url));
  left = { ...second, folder: first.folder };
  expect(await isRunning(first.workerd)).toBe(false);
  expect((await get(second.url, "/v1/actors")).status).toBe(200);
});

test("after both were killed the folder serves again", async () => {
  const first = await oneOf();
  await killBoth(first);
  const second = await startedDev(first.folder, portOf(first.url));
  left = { ...second, folder: first.folder };
  expect((await get(second.url, "/v1/actors")).status).toBe(200);
});

test("a workerd that dies is started again, and the new one is ended after a kill too", async () => {
  const first = await oneOf();
  process.kill(first.workerd.pid, "SIGKILL");
  await expect.poll(() => first.notes(), { timeout: 10_000 }).toContain("was started again");
  expect((await get(first.url, "/healthz")).status).toBe(200);
  await killNode(first);
  const second = await startedDev(first.folder, portOf(first.url));
  expect(second.notes()).toContain("ended workerd");
});
