// The packages in wit/: they parse, and their worlds hold what they say.

import { readdirSync, readFileSync } from "node:fs";
import {
  componentEmbed,
  componentNew,
  componentWit,
} from "@bytecodealliance/jco-transpile/wasm-tools";
import { expect, test } from "vitest";

/** All files as one, because wasm-tools cannot read folders here. */
const source = readdirSync("wit")
  .filter((file) => file.endsWith(".wit"))
  .map((file) => readFileSync(`wit/${file}`, "utf8"))
  .map((text) => text.replace(/(?:^\/\/\/.*\n)*^package theater:simple;$/m, ""))
  .reduce((whole, text) => whole + text, "package theater:simple;\n");

async function interfacesOf(world: string): Promise<string[]> {
  const dummy = await componentNew(
    await componentEmbed({ dummy: true, witSource: source, world }),
    [],
  );
  const text = /world root \{([^}]*)\}/.exec(await componentWit(dummy))?.[1] ?? "";
  return [...text.matchAll(/(?:im|ex)port theater:simple\/[a-z-]+/g)].map(([line]) => line).sort();
}

test("an actor that only logs needs the runtime and its types", async () => {
  expect(await interfacesOf("minimal")).toEqual([
    "export theater:simple/actor",
    "import theater:simple/runtime",
    "import theater:simple/types",
  ]);
});

test("an actor that takes messages needs four interfaces and the types they share", async () => {
  expect(await interfacesOf("messaging")).toEqual([
    "export theater:simple/actor",
    "export theater:simple/message-server-client",
    "import theater:simple/message-server-host",
    "import theater:simple/runtime",
    "import theater:simple/types",
  ]);
});

test("the world of everything has every interface of the package", async () => {
  const declared = [...source.matchAll(/^interface ([a-z-]+)/gm)].map(([, name]) => name ?? "");
  const seen = (await interfacesOf("everything")).map((line) => line.split("/")[1]);
  expect(declared).toHaveLength(20);
  expect(declared.filter((name) => !seen.includes(name))).toEqual([]);
});

test("theater:edge is a package of its own, which theater:simple does not know", async () => {
  const edge = readFileSync("wit/edge/timers.wit", "utf8");
  const world = "world timed { import timers; export timers-client; }";
  const embedded = await componentEmbed({
    dummy: true,
    witSource: `${edge}\n${world}`,
    world: "timed",
  });
  const text = await componentWit(await componentNew(embedded, []));
  expect(text).toMatch(/import theater:edge\/timers;\n\n? *export theater:edge\/timers-client;/);
  expect(source).not.toContain("theater:edge");
});
