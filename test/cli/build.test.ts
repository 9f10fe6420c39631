import { copyFile, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { WEB } from "../conformance/build-web.ts";
import { theater } from "./run-theater.ts";

// Making a component takes seconds, so the life of one actor is one test.
test("a new actor builds as it is, twice to the same digest, and validates", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "theater-build-"));
  const created = await theater(["build", "new", "my-actor"], { cwd });
  expect(created.code).toBe(0);
  expect(created.stdout).toContain("my-actor/manifest.toml");

  const validated = await theater(["build", "validate", "my-actor"], { cwd });
  expect(validated).toMatchObject({ code: 0, stdout: "my-actor is valid\n" });
  expect((await readdir(join(cwd, "my-actor"))).filter((name) => name.endsWith(".wasm"))).toEqual(
    [],
  );

  const { stdout } = await theater(["build", "my-actor", "--json"], { cwd });
  const built = JSON.parse(stdout);
  expect(built).toMatchObject({ name: "my-actor", rebuilt: true });
  expect(built.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect((await readFile(built.wasmPath)).length).toBe(built.bytes);

  const again = JSON.parse((await theater(["build", "my-actor", "--json"], { cwd })).stdout);
  expect(again).toMatchObject({ digest: built.digest, rebuilt: false });
}, 120_000);

test("a folder that is no actor is refused with what to do", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "theater-build-"));
  const { code, stderr } = await theater(["build"], { cwd });
  expect(code).toBe(1);
  expect(stderr).toContain("bad-manifest: ");
  await writeFile(join(cwd, "occupied"), "");
  const created = await theater(["build", "new", ".", "--name", "x"], { cwd });
  expect(created.stderr).toContain("bad-request: ");
});

test("a component of another toolchain is checked as it stands, and its manifest is told what it lacks", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "theater-build-"));
  await copyFile(WEB, join(cwd, "web.wasm"));
  const types = ["http-framework", "runtime", "timing", "random", "environment"];
  const manifest = (handlers: readonly string[]): string =>
    ['name = "web"', 'version = "1"', 'component = "./web.wasm"']
      .concat(handlers.map((type) => `[[handler]]\ntype = "${type}"`))
      .join("\n");
  await writeFile(join(cwd, "manifest.toml"), manifest(types));
  const lacking = await theater(["build"], { cwd });
  expect(lacking.stderr).toContain(
    'missing-handler: The component imports what the manifest does not grant: add [[handler]] type = "http-client".',
  );
  await writeFile(join(cwd, "manifest.toml"), manifest([...types, "http-client"]));
  const { code, stdout } = await theater(["build", "--json"], { cwd });
  expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({
    code: 0,
    name: "web",
    rebuilt: false,
    imports: expect.arrayContaining(["wasi:http/types@0.2.12"]) as unknown,
  });
});
