// Building actors: what is refused, with which words, and what a component is made of.

import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { composeWorld } from "../../src/cli/build-world.ts";
import { buildActor, newActor } from "../../src/cli/build-actor.ts";
import { TheaterError } from "../../src/lib/errors.ts";

const BUILD_MS = 60_000; // about a second on a quiet machine

let root: string;
let inside: string; // within reach of the package's own name, as an author's folder is
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "theater-build-test-"));
  await mkdir("build", { recursive: true });
  inside = await mkdtemp(join("build", "new-"));
});

afterAll(async () => {
  await rm(root, { recursive: true });
  await rm(inside, { recursive: true });
});

function manifest(...handlers: string[]): string {
  const tables = handlers.map((type) => `[[handler]]\ntype = "${type}"\n`).join("");
  return `name = "a"\nversion = "0.1.0"\ncomponent = "./out/a.wasm"\n${tables}`;
}

async function folder(files: Record<string, string>): Promise<string> {
  const dir = join(root, String(count++));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  return dir;
}

/** The code and message with which a folder is refused. */
async function refusal(files: Record<string, string>): Promise<string> {
  const dir = await folder({ "nothing.txt": "", ...files });
  const outcome = await buildActor(dir).catch((thrown: unknown) => thrown);
  return outcome instanceof TheaterError
    ? `${outcome.code}: ${outcome.message.replaceAll(`${dir}/`, "")}`
    : `not refused: ${String(outcome)}`;
}

const ACTOR = 'import { defineActor } from "theater/guest";\n';
const DEFINE = "export const { actor, messageServerClient } = defineActor<number>({});\n";
const DEFINE_MUTE = "export const { actor } = defineActor<number>({});\n";

test("a folder without a usable manifest is refused", async () => {
  expect(await refusal({})).toMatch(/^bad-manifest: there is no manifest.toml: .* build new/);
  const say = (text: string) => refusal({ "manifest.toml": text, "actor.ts": ACTOR + DEFINE });
  expect(await say("name = ")).toMatch(/^bad-manifest: manifest.toml is not valid TOML: /);
  expect(await say("")).toMatch(/^bad-manifest: manifest.toml needs a name/);
  expect(await say('name = "a"')).toMatch(/needs a component, as in component = "\.\/a\.wasm"/);
  for (const reference of ["sha256:00", "https://example.com/a.wasm", "store://s/a.wasm", "a.ts"]) {
    expect(await say(`name = "a"\ncomponent = "${reference}"`)).toMatch(
      /which is no file to build/,
    );
  }
  expect(await say('name = "a"\ncomponent = "a.wasm"\n[handler]')).toMatch(/needs \[\[handler\]\]/);
  expect(await say('name = "a"\ncomponent = "a.wasm"\n[[handler]]')).toMatch(/without type/);
});

test("a folder without code is refused", async () => {
  expect(await refusal({ "manifest.toml": manifest() })).toBe(
    "not-an-actor: there is no actor.ts: write the actor there",
  );
});

test("mistakes in the code come with file, line and column", async () => {
  const say = (code: string, more = {}) =>
    refusal({ "manifest.toml": manifest(), "actor.ts": code, ...more });
  expect(await say("export const x = 1;\nexport const y = = 2;\n")).toBe(
    'bad-component: the code has mistakes: actor.ts:2:18: Unexpected "="',
  );
  expect(await say('import "./b.ts";', { "b.ts": "let x: number = ;" })).toMatch(/: b\.ts:1:17: /);
  expect(await say('import { x } from "no-such-package";\nx();')).toMatch(
    /: actor\.ts:1:19: Could not resolve "no-such-package"$/,
  );
  expect(await say('import { readFileSync } from "node:fs";\nreadFileSync("x");')).toMatch(
    /: actor\.ts:1:30: Could not resolve "node:fs"$/,
  );
});

test("what the code exports must fit what the manifest grants", async () => {
  const say = (code: string, ...handlers: string[]) =>
    refusal({ "manifest.toml": manifest(...handlers), "actor.ts": ACTOR + code });
  expect(await say("export const x = 1;")).toMatch(/^not-an-actor: the code does not export an/);
  expect(await say(DEFINE_MUTE, "message-server")).toMatch(
    /^not-an-actor: the manifest grants message-server, so the code must export messageServerClient/,
  );
  expect(await say(DEFINE)).toMatch(
    /^missing-handler: the code exports messageServerClient, .* type = "message-server"$/,
  );
});

test("timers are a package of their own, and go into the component where they are granted", async () => {
  const surface = {
    imports: ["theater:simple/runtime", "theater:edge/timers"],
    exports: ["actor", "timersClient", "messageServerClient"],
  };
  const world = composeWorld(surface, ["runtime", "message-server", "timers"]);
  expect(world).toContain("import theater:edge/timers;");
  expect(world).toContain("export theater:edge/timers-client;");
  expect(world).toContain("export theater:simple/message-server-client;");
  expect(() => composeWorld(surface, ["runtime", "message-server"])).toThrow(
    "the code imports theater:edge/timers, but the manifest does not grant it: " +
      'add [[handler]] type = "timers"',
  );
  const mute = { ...surface, exports: ["actor"] };
  expect(() => composeWorld(mute, ["runtime", "timers"])).toThrow(
    "the manifest grants timers, so the code must export timersClient too",
  );
  const idle = { imports: [], exports: ["actor", "timersClient"] };
  expect(() => composeWorld(idle, ["runtime"])).toThrow(
    'the code exports timersClient, but nobody would call it: grant [[handler]] type = "timers"',
  );
});

test("what the code imports must be granted, and must exist", async () => {
  const say = (code: string) =>
    refusal({ "manifest.toml": manifest("runtime"), "actor.ts": ACTOR + code + DEFINE_MUTE });
  expect(
    await say('import { now } from "theater/guest/timing"; export const t = () => now();\n'),
  ).toBe(
    "missing-handler: the code imports theater:simple/timing, but the manifest does not grant it: " +
      'add [[handler]] type = "timing"',
  );
  expect(await say('import { x } from "theater:simple/teleport"; export const y = x;\n')).toMatch(
    /^unknown-import: the code imports theater:simple\/teleport, which is not in theater:simple/,
  );
  expect(await say('import { x } from "acme:mail/outbox@1.0.0"; export const y = x;\n')).toMatch(
    /^unknown-import: .* into wit\/ beside manifest.toml$/,
  );
});

test(
  "code that acts while it is loaded is refused in words",
  async () => {
    const say = (code: string) =>
      refusal({ "manifest.toml": manifest("timing"), "actor.ts": ACTOR + DEFINE_MUTE + code });
    expect(await say("export const start = Date.now();")).toBe(
      "bad-component: the code calls theater:simple/timing#now while it is loaded: " +
        "move the call into a handler, nobody answers before",
    );
    expect(await say("export const die = Math.random();")).toMatch(
      /^bad-component: the code throws while it is loaded: Error: Math\.random\(\) is not there/,
    );
  },
  BUILD_MS,
);

test(
  "a new actor type-checks and builds as it is, imports only what it uses, and keeps its component",
  async () => {
    const dir = join(inside, "fresh");
    const files = await newActor(dir, "fresh");
    expect(files).toContain(resolve(dir, "actor.ts"));
    const checked = spawnSync("node_modules/.bin/tsc", ["-p", dir], { encoding: "utf8" });
    expect(checked.stdout).toBe("");
    const first = await buildActor(dir);
    expect(first).toMatchObject({ name: "fresh", rebuilt: true });
    expect(first.imports.toSorted()).toEqual(["theater:simple/runtime", "theater:simple/types"]);
    expect(await readFile(first.wasmPath)).toEqual(Buffer.from(first.component));
    expect(await buildActor(dir)).toMatchObject({ digest: first.digest, rebuilt: false });

    const path = join(dir, "actor.ts");
    await writeFile(path, `// A comment changes nothing.\n${await readFile(path, "utf8")}`);
    expect(await buildActor(dir)).toMatchObject({ digest: first.digest, rebuilt: false });
    await writeFile(path, (await readFile(path, "utf8")).replace("count + 1 })", "count + 2 })"));
    const changed = await buildActor(dir, { write: false });
    expect(changed.rebuilt).toBe(true);
    expect(changed.digest).not.toBe(first.digest);
    expect(await readFile(first.wasmPath)).toEqual(Buffer.from(first.component));
  },
  BUILD_MS,
);

test("a new actor overwrites nothing, and has a name that fits everywhere", async () => {
  const dir = await folder({ "precious.txt": "x" });
  await expect(newActor(dir, "fine")).rejects.toThrow("is not empty");
  await expect(newActor(join(root, "bad"), "No Name")).rejects.toThrow("is no name for an actor");
});

test(
  "a world of the actor's own is taken as it is, but grants nothing",
  async () => {
    const world = (name: string) => `package local:mine;
world mine {
  import theater:simple/${name};
  export theater:simple/actor;
}
`;
    const files = { "manifest.toml": manifest("runtime"), "actor.js": ACTOR + DEFINE_MUTE };
    const code = { ...files, "actor.js": files["actor.js"].replace("<number>", "") };
    expect(await refusal({ ...code, "world.wit": world("store") })).toMatch(
      /^missing-handler: the code imports theater:simple\/store/,
    );
    const built = await buildActor(await folder({ ...code, "world.wit": world("runtime") }));
    expect(built.imports).toContain("theater:simple/runtime");
    expect(await refusal({ ...code, "world.wit": "world {" })).toMatch(
      /^bad-component: the component cannot be made: (?!.*theater-build)/,
    );
  },
  BUILD_MS,
);
