// `theater validate` asks no server: every test here runs without one.

import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { TINY } from "../attack/hostile-guest.ts";
import { theater } from "./run-theater.ts";

vi.setConfig({ testTimeout: 60_000 }); // each call is a process of its own, on a busy machine

const HEAD = `name = "tiny"\nversion = "1"\ncomponent = "./tiny.wasm"\n`;
const RUNTIME = `[[handler]]\ntype = "runtime"\n`;

async function folder(files: Record<string, string | Uint8Array>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "theater-validate-"));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(dir, name), bytes);
  return dir;
}

/** What validating a folder with this manifest and the smallest actor prints. */
async function validate(manifest: string, ...args: string[]) {
  const cwd = await folder({ "manifest.toml": manifest, "tiny.wasm": TINY });
  return await theater(["validate", ...args], { cwd });
}

test("a valid manifest exits 0 and says in words what the actor may do", async () => {
  const random = `[[handler]]\ntype = "random"\nmax_bytes = 5\n`;
  const policy = `[permission_policy.random]\ntype = "disallow"\n`;
  const { code, stdout, stderr } = await validate(HEAD + RUNTIME + random + policy);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(
    "tiny 1 is valid. It may:\n" +
      "  runtime  log, read its own chain and shut itself down\n" +
      "  random   draw random bytes and numbers; max_bytes 5; max_int 18446744073709551615\n" +
      "\nIts children may have at most:\n" +
      "  runtime  log, read its own chain and shut itself down\n",
  );
});

test("--json prints one value with the grants of the actor and of its children", async () => {
  const { code, stdout } = await validate(HEAD + RUNTIME, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    valid: true,
    name: "tiny",
    checked: true,
    component: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    limits: { mailbox: 1_000 },
    may: { runtime: {} },
    children: { runtime: {} },
  });
});

test("a file, a folder and no path name the same manifest", async () => {
  const cwd = await folder({ "manifest.toml": HEAD + RUNTIME, "tiny.wasm": TINY });
  const outputs = await Promise.all(
    [["manifest.toml"], ["."], [], [join(cwd, "manifest.toml")]].map(async (args) => {
      return (await theater(["validate", ...args], { cwd })).stdout;
    }),
  );
  expect(new Set(outputs).size).toBe(1);
});

test.for<[string, string, RegExp]>([
  ["an unknown key", `${HEAD}versoin = "1"\n`, /^bad-manifest: .*did you mean "version"/],
  ["an unknown handler", `${HEAD}[[handler]]\ntype = "runtimes"\n`, /did you mean "runtime"/],
  ["an import that it does not grant", HEAD, /^missing-handler: .*type = "runtime"/],
  ["a component that is not there", HEAD.replace("tiny.wasm", "no.wasm"), /theater build/],
  ["a component that is none", HEAD.replace("tiny.wasm", "manifest.toml"), /^not-wasm: /],
  ["text that is no TOML", "name =", /^bad-manifest: manifest\.toml is not valid TOML/],
  ["a variable that nobody gives", `${HEAD + RUNTIME}`.replace("tiny", "{{n}}"), /variable "n"/],
  [
    "a strategy that there is not",
    `${HEAD}[supervisor]\nstrategy = "one-for-two"\n`,
    /one-for-one"\?/,
  ],
])("a manifest with %s exits 1 with the server's words", async ([, manifest, says]) => {
  const { code, stdout, stderr } = await validate(manifest);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(says);
});

test("an option that there is not exits 2", async () => {
  expect((await validate(HEAD, "--nonsense")).code).toBe(2);
});

test("a component that only the server can find is not looked at, and that is said", async () => {
  const reference = HEAD.replace("./tiny.wasm", "store://shared/tiny");
  const { code, stderr } = await validate(reference + RUNTIME);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining("nobody looked at it: store://shared/tiny"),
  });
  expect(JSON.parse((await validate(reference, "--json")).stdout)).toMatchObject({
    checked: false,
  });
});

test("variables come from the state's file and from --variables", async () => {
  const manifest =
    HEAD.replace('"1"', "\"{{v}}-{{default stage 'test'}}\"") +
    `init_state = "./state.json"\n${RUNTIME}`;
  const cwd = await folder({
    "manifest.toml": manifest,
    "tiny.wasm": TINY,
    "state.json": '{"v":"2"}',
    "more.json": '{"stage":"live"}',
  });
  const version = async (...args: string[]): Promise<string> =>
    (
      JSON.parse((await theater(["validate", "--json", ...args], { cwd })).stdout) as {
        version: string;
      }
    ).version;
  expect(await version()).toBe("2-test");
  expect(await version("--variables", '{"v":"3"}')).toBe("3-test");
  expect(await version("--variables", "@more.json")).toBe("2-live");
  expect(await version("--init-state", '{"v":"4"}')).toBe("4-test");
  const { code, stderr } = await theater(["validate", "--variables", "[1]"], { cwd });
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("JSON object"),
  });
});

test("the session in docs/manifest.md has the form that is printed", async () => {
  const docs = await readFile("docs/manifest.md", "utf8");
  const server = `[[handler]]\ntype = "message-server"\n`;
  const counter = (HEAD + RUNTIME + server).replace("tiny", "counter").replace('"1"', '"0.1.0"');
  const { stdout } = await validate(counter);
  expect(docs).toContain(`$ theater validate examples/counter\n${stdout}`);
});

const childTable = (name: string, manifest: string): string =>
  `[[child]]\nname = "${name}"\nmanifest = "${manifest}"\nrestart = "transient"\n`;

test("the children of a manifest are checked too, against what their parent lets them have", async () => {
  const stored = childTable("stored", "store://shared/m");
  const files = {
    "manifest.toml": HEAD + RUNTIME + childTable("a", "./a.toml") + stored,
    "a.toml": HEAD + RUNTIME + childTable("b", "b.toml"),
    "b.toml": HEAD + RUNTIME,
    "tiny.wasm": TINY,
  };
  const cwd = await folder(files);
  const { code, stdout } = await theater(["validate"], { cwd });
  expect(code).toBe(0);
  expect(stdout).toContain(
    "\nIt starts:\n  a  transient  ./a.toml\n    b  transient  b.toml\n" +
      "  stored  transient  store://shared/m  (nobody looked at it)\n",
  );
  const json = await theater(["validate", "--json"], { cwd });
  expect(JSON.parse(json.stdout)).toMatchObject({
    supervises: [
      { child: "a", name: "tiny", supervises: [{ child: "b", restart: "transient" }] },
      { child: "stored", name: null, supervises: [] },
    ],
  });

  const greedy = `${HEAD + RUNTIME}[[handler]]\ntype = "random"\n`;
  await writeFile(join(cwd, "b.toml"), greedy);
  const refused = await theater(["validate"], { cwd });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(
    /^not-granted: \[\[child\]\] "a": \[\[child\]\] "b": Remove .*type = "random"/,
  );
  await writeFile(join(cwd, "b.toml"), HEAD + RUNTIME + childTable("a", "a.toml"));
  const circle = await theater(["validate"], { cwd });
  expect(circle.code).toBe(1);
  expect(circle.stderr).toMatch(/would be started by its own children/);
});
