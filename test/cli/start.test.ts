import { createHash } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "smol-toml";
import { expect, test, vi } from "vitest";
import { serve, type CannedServer } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

// Each test is a whole process, some are several, and machines are busy.
vi.setConfig({ testTimeout: 30_000 });

const ID = "a".repeat(32);
const DIGEST = `sha256:${"0".repeat(64)}`;
const WASM = Uint8Array.of(0, 97, 115, 109);

/** A server that takes every component and every manifest. */
function willing(): Promise<CannedServer> {
  return serve(({ method }) =>
    method === "PUT"
      ? { status: 201, json: { component: DIGEST } }
      : { status: 201, json: { id: ID, name: "chess" } },
  );
}

async function folderWith(files: Record<string, string | Uint8Array>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "theater-cli-"));
  await mkdir(join(dir, "actor"));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(dir, name), bytes);
  return dir;
}

function posted({ received }: CannedServer): unknown {
  const post = received.find(({ method }) => method === "POST");
  return JSON.parse(post?.body.toString() ?? "null");
}

test("start uploads the component beside the manifest and keeps the author's text", async () => {
  const text = `# The author's comment\nname = "chess"\ncomponent = "./chess.wasm" # mine\n\n[limits]\nfuel = 5\n`;
  const cwd = await folderWith({ "actor/manifest.toml": text, "actor/chess.wasm": WASM });
  await using server = await willing();
  const { code, stdout } = await theater(["start", "actor/manifest.toml"], { ...server, cwd });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${ID}\n` });
  expect(server.received[0]).toMatchObject({ method: "PUT", path: "/v1/components" });
  expect([...(server.received[0]?.body ?? [])]).toEqual([...WASM]);
  expect(posted(server)).toEqual({ manifest: text.replace("./chess.wasm", DIGEST) });
});

test("a key of the same name elsewhere in the manifest is left alone", async () => {
  const text = `name = "x"\n"component" = "./chess.wasm"\n[[handler]]\ntype = "a"\ncomponent = "./chess.wasm"\n`;
  const cwd = await folderWith({ "manifest.toml": text, "chess.wasm": WASM });
  await using server = await willing();
  await theater(["start", "manifest.toml"], { ...server, cwd });
  const { manifest } = posted(server) as { manifest: string };
  expect(manifest).toContain(`component = "${DIGEST}"\n`);
  expect(manifest.match(/component = "\.\/chess\.wasm"/g)).toHaveLength(1);
});

test.for([DIGEST, "store://shared/chess", "https://example.com/chess.wasm"])(
  "a component that the server finds itself is not uploaded: %s",
  async (component) => {
    const text = `name = "x"\ncomponent = "${component}"\n`;
    const cwd = await folderWith({ "manifest.toml": text });
    await using server = await willing();
    await theater(["start", "manifest.toml"], { ...server, cwd });
    expect(server.received.map(({ method }) => method)).toEqual(["POST"]);
    expect(posted(server)).toEqual({ manifest: text });
  },
);

test("the first state is the option's, else the file that the manifest names", async () => {
  const text = `name = "x"\ncomponent = "${DIGEST}"\ninit_state = "./state.bin"\n`;
  const cwd = await folderWith({ "actor/m.toml": text, "actor/state.bin": "from file" });
  const base64 = (state: string): string => Buffer.from(state).toString("base64");
  for (const [args, initState] of [
    [[], "from file"],
    [["--init-state", "{}"], "{}"],
    [["--init-state", "@actor/m.toml"], text],
  ] as const) {
    await using server = await willing();
    await theater(["start", "actor/m.toml", ...args], { ...server, cwd });
    expect(posted(server)).toMatchObject({ initState: base64(initState) });
  }
});

test("a parent is passed on, and --json gives the server's whole answer", async () => {
  const cwd = await folderWith({ "m.toml": `name = "x"\ncomponent = "${DIGEST}"\n` });
  await using server = await willing();
  const args = ["start", "m.toml", "--parent", "p", "--json"];
  const { stdout } = await theater(args, { ...server, cwd });
  expect(JSON.parse(stdout)).toEqual({ id: ID, name: "chess" });
  expect(posted(server)).toMatchObject({ parent: "p" });
});

test("a manifest that is not TOML is refused before anything is sent", async () => {
  const cwd = await folderWith({ "m.toml": "name = " });
  await using server = await willing();
  const { code, stderr } = await theater(["start", "m.toml"], { ...server, cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^bad-manifest: m\.toml is not valid TOML/);
  expect(server.received).toEqual([]);
});

test("a folder stands for its manifest.toml, or for the only manifest in it", async () => {
  const text = `name = "x"\ncomponent = "./x.wasm"\n`;
  const files = { "actor/x.wasm": WASM, "actor/only.toml": text };
  const cwd = await folderWith(files);
  await using server = await willing();
  const { code, stdout } = await theater(["start", "actor"], { ...server, cwd });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${ID}\n` });
  expect(posted(server)).toEqual({ manifest: text.replace("./x.wasm", DIGEST) });

  await writeFile(join(cwd, "actor/other.toml"), text);
  const several = await theater(["start", "actor"], { ...server, cwd });
  expect(several.code).toBe(1);
  expect(several.stderr).toMatch(/^bad-manifest: Name one of .*: only\.toml, other\.toml\./);
  await writeFile(join(cwd, "actor/manifest.toml"), text);
  expect((await theater(["start", "actor"], { ...server, cwd })).code).toBe(0);
});

test("a folder without a manifest says how to make one", async () => {
  const cwd = await folderWith({});
  await using server = await willing();
  const { code, stderr } = await theater(["start", "actor"], { ...server, cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^bad-manifest: There is no manifest in actor: .*theater build new/);
  expect(server.received).toEqual([]);
});

/** As `willing`, but content gets the digest that it has. */
function keeping(): Promise<CannedServer> {
  return serve(({ method, path, body }) => {
    if (path === "/v1/components") return { status: 201, json: { component: digestOf(body) } };
    return method === "PUT"
      ? { status: 201, json: { digest: digestOf(body) } }
      : { status: 201, json: { id: ID, name: "chess" } };
  });
}

const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const childTable = (name: string, manifest: string): string =>
  `[[child]]\nname = "${name}"\nmanifest = "${manifest}"\n`;

test("what children are made from is uploaded first, the innermost first and each once", async () => {
  await using server = await keeping();
  const cwd = await folderWith({
    "m.toml": `name = "root"\ncomponent = "./root.wasm"\n${childTable("a", "./actor")}${childTable("b", "actor/manifest.toml")}`,
    "root.wasm": WASM,
    "actor/manifest.toml": `name = "mid"\ncomponent = "../leaf.wasm"\ninit_state = "./state.json"\n${childTable("leaf", "../leaf.toml")}`,
    "actor/state.json": '{"a":1}',
    "leaf.toml": `name = "leaf"\ncomponent = "./leaf.wasm"\n`,
    "leaf.wasm": Uint8Array.of(...WASM, 1),
  });
  const { code, stderr } = await theater(["start", "m.toml"], { ...server, cwd });
  expect({ code, stderr: stderr.replaceAll(cwd, "") }).toMatchObject({ code: 0 });
  const sent = server.received.map(({ path }) => path);
  const [components, manifests] = ["/v1/components", "/v1/stores/manifests/content"];
  expect(sent).toEqual([components, components, manifests, manifests, "/v1/actors"]);
  const [, , leaf, mid] = server.received.map(({ body }) => body);
  expect(parse(leaf?.toString() ?? "")).toEqual({
    name: "leaf",
    component: digestOf(Uint8Array.of(...WASM, 1)),
  });
  expect(parse(mid?.toString() ?? "")).toEqual({
    name: "mid",
    component: digestOf(Uint8Array.of(...WASM, 1)),
    init_state: '{"a":1}',
    child: [{ name: "leaf", manifest: digestOf(leaf ?? WASM) }],
  });
  const { manifest } = posted(server) as { manifest: string };
  expect(parse(manifest)).toEqual({
    name: "root",
    component: digestOf(WASM),
    child: ["a", "b"].map((name) => ({ name, manifest: digestOf(mid ?? WASM) })),
  });
});

test.for<[string, Record<string, string>, RegExp]>([
  ["that starts itself", { "c.toml": childTable("c", "./c.toml") }, /by its own children: .* → /],
  [
    "whose child starts it again",
    { "c.toml": childTable("d", "./d.toml"), "d.toml": childTable("c", "c.toml") },
    /by its own children: .*c\.toml → .*d\.toml → .*c\.toml/,
  ],
  [
    "whose child is not there",
    { "c.toml": childTable("c", "./no.toml") },
    /is not there: .*no\.toml/,
  ],
  [
    "that goes down too far",
    Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [
        `${i === 0 ? "c" : `c${i}`}.toml`,
        childTable("c", `c${i + 1}.toml`),
      ]),
    ),
    /17 levels down; at most 16/,
  ],
  [
    "with too many manifests",
    Object.fromEntries([
      ["c.toml", Array.from({ length: 101 }, (_, i) => childTable(`c${i}`, `c${i}.toml`)).join("")],
      ...Array.from({ length: 101 }, (_, i) => [`c${i}.toml`, `name = "c${i}"\n`]),
    ]) as Record<string, string>,
    /one manifest too many: a start takes at most 100/,
  ],
  [
    "whose child's state is no text for a manifest",
    { "c.toml": `${childTable("c", "d.toml")}init_state = "./s"\n`, "d.toml": "", s: "{{a}}" },
    /put it into a store/,
  ],
])("a manifest %s is refused, and nothing is started", async ([, files, says]) => {
  const cwd = await folderWith(files);
  await using server = await keeping();
  const { code, stderr } = await theater(["start", "c.toml"], { ...server, cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(says);
  expect(server.received.filter(({ method }) => method === "POST")).toEqual([]);
});
