// A component that is bundled at deploy time, on a deployment that has no Worker Loader: from the file to a chain that is
// replayed elsewhere.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { theater as run, type Run } from "../cli/run-theater.ts";

const TINY = join(import.meta.dirname, "../fixtures/tiny.wasm");
const MANIFEST = `name = "tiny"
version = "0.1.0"
component = "${TINY}"
[[handler]]
type = "runtime"
[[handler]]
type = "message-server"
`;

let folder: string;
let server: DevServer | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-bundled-"));
  await writeFile(join(folder, "tiny.toml"), MANIFEST);
});

afterAll(async () => {
  await server?.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function ok(...args: string[]): Promise<Run> {
  const done = await run(args, { cwd: folder, ...(server ?? { url: "http://127.0.0.1:1" }) });
  if (done.code !== 0) throw new Error(`theater ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  return done;
}

/** The same component under another digest: with a section of no meaning. */
const OTHER_SECTION = Uint8Array.of(0, 2, 1, 0x78);

test("a bundled component works without a Loader, and its chain agrees with one", async () => {
  const { stdout } = await ok("bundle", TINY, "--out", "bundled", "--json");
  const { bundled } = JSON.parse(stdout) as { bundled: { component: string; modules: string }[] };
  const [{ component, modules } = { component: "", modules: "" }] = bundled;
  expect(await readdir(join(folder, "bundled"))).toEqual([modules.replace("sha256:", "")]);
  const [data, place] = [join(folder, "data"), join(folder, "bundled")];
  server = await startDevServer({ port: 0, data, bundled: place, loader: false });

  const health = await fetch(`${server.url}/healthz`);
  const parts = { ok: true, ledger: true, content: true, loader: false, bundled: [component] };
  expect([health.status, await health.json()]).toEqual([200, parts]);

  const id = (await ok("start", "tiny.toml")).stdout.trim();
  expect((await ok("request", id, "x")).stdout).toBe("1");
  await server.evict(id);
  expect((await ok("request", id, "x")).stdout).toBe("2");
  expect((await ok("replay", id)).stdout).toContain("verified: 3 turns agree");

  const { url, token } = server;
  const refused = await fetch(`${url}/v1/components`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}` },
    body: Buffer.concat([await readFile(TINY), OTHER_SECTION]),
  });
  expect([refused.status, await refused.json()]).toMatchObject([501, { code: "no-loader" }]);

  // What a stranger has: the file, and a Loader of his own.
  await ok("export", id, "-o", "tiny.car");
  await server.dispose();
  server = undefined;
  expect((await ok("replay", "tiny.car")).stdout).toContain("verified: 3 turns agree");
});
