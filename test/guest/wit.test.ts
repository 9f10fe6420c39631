// The package in wit/: it parses, and its worlds hold what they say.

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
