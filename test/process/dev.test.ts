import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isRunning } from "../../src/cli/dev-process.ts";
import { endAll, get, gone, killBoth, killNode, startDev, startedDev } from "./dev-process.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-dev-"));
});
afterEach(endAll);

const portOf = (url: string): number => Number(new URL(url).port);

test("it answers as soon as it says so, and only to its token", async () => {
  const { url } = await startedDev(folder);
  expect((await get(url, "/v1/actors")).status).toBe(200);
  expect((await fetch(`${url}/v1/actors`)).status).toBe(401);
});

test("nothing of the local platform is reachable beside the Worker", async () => {
  const { url } = await startedDev(folder);
  for (const path of ["/cdn-cgi/local/r2/public/CONTENT/x", "/cdn-cgi/local/explorer"]) {
    expect((await fetch(url + path)).headers.get("content-type")).toBe("application/problem+json");
  }
});

test.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends it with 0, takes workerd along and frees the folder",
  async (signal) => {
    const { node, workerd, url } = await startedDev(folder);
    node.kill(signal);
    await once(node, "close");
    expect(node.exitCode).toBe(0);
    await gone(workerd);
    const again = await startedDev(folder, portOf(url));
    expect(again.notes()).not.toContain("ended workerd");
  },
);

test("Ctrl-C, which reaches workerd at the same moment, ends it with 0 too", async () => {
  const { node, workerd } = await startedDev(folder);
  process.kill(-(node.pid ?? 0), "SIGINT");
  await once(node, "close");
  expect(node.exitCode).toBe(0);
  await gone(workerd);
});

test("a second server on the same folder is refused, and the first goes on", async () => {
  const { url, node } = await startedDev(folder);
  const second = await startDev(folder);
  expect(second).toMatchObject({ code: 1 });
  expect("stderr" in second && JSON.parse(second.stderr)).toMatchObject({
    code: "wrong-state",
    evidence: { pid: node.pid, url },
  });
  expect((await get(url, "/v1/actors")).status).toBe(200);
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

test("killing node leaves workerd answering, and the next start ends it first", async () => {
  const first = await startedDev(folder);
  await killNode(first);
  // The fact that the lock exists for; if this fails, the lock has become simpler than it is.
  expect(await isRunning(first.workerd)).toBe(true);
  expect((await get(first.url, "/v1/actors")).status).toBe(200);
  const second = await startedDev(folder, portOf(first.url));
  expect(await isRunning(first.workerd)).toBe(false);
  expect((await get(second.url, "/v1/actors")).status).toBe(200);
});

test("after both were killed the folder serves again", async () => {
  const first = await startedDev(folder);
  await killBoth(first);
  const second = await startedDev(folder, portOf(first.url));
  expect((await get(second.url, "/v1/actors")).status).toBe(200);
});

test("a workerd that dies is started again, and the new one is ended after a kill too", async () => {
  const first = await startedDev(folder);
  process.kill(first.workerd.pid, "SIGKILL");
  await expect.poll(() => first.notes(), { timeout: 10_000 }).toContain("was started again");
  expect((await get(first.url, "/healthz")).status).toBe(200);
  await killNode(first);
  const second = await startedDev(folder, portOf(first.url));
  expect(second.notes()).toContain("ended workerd");
});
