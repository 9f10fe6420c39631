// Goal: what is printed is WIT. Oracle: wasm-tools reads it back, and the component it makes from it
// has the same description.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeComponent } from "../../src/executor/describe-component.ts";
import { printWit } from "../../src/executor/wit-print.ts";
import type { ComponentDescription, ComponentInterface } from "../../src/executor/wit-type.ts";
import { dummyComponent, RICH_WIT } from "./components.ts";

/** The order of interfaces and of types is not part of what WIT says. */
function normal({ imports, exports }: ComponentDescription): unknown {
  const sorted = (interfaces: readonly ComponentInterface[]) =>
    Object.fromEntries(
      interfaces.map(({ name, functions, types }) => [
        name,
        { functions, types: Object.fromEntries(types) },
      ]),
    );
  return { imports: sorted(imports), exports: sorted(exports) };
}

const DEFAULT = "package a:b; world w";

test.each([
  ["every kind of type", RICH_WIT, "shop"],
  ["nothing", `${DEFAULT} { }`, "w"],
  [
    "a package that is named like the printed world's",
    "package root:component; interface i { f: func(); } world w { export i; }",
    "w",
  ],
  [
    "an interface and a type with keywords for names",
    "package %use:%world; interface %interface { record %type { %u8: u8 } %func: func(%list: %type); } world w { import %interface; export %interface; }",
    "w",
  ],
  [
    "a resource exported by the component",
    `package a:b; interface i { resource r { constructor() -> result<r, string>; } make: func() -> r; } interface j { use i.{r as renamed}; take: func(r: renamed); } world w { export i; export j; }`,
    "w",
  ],
  [
    "two packages",
    "package a:b; world w { import c:d/i@1.0.0; export c:d/i@2.0.0-rc.1; } package c:d@1.0.0 { interface i { f: func(); } } package c:d@2.0.0-rc.1 { interface i { f: func(); } }",
    "w",
  ],
])("a component with %s prints to WIT that makes the same component", async (_, wit, world) => {
  const description = describeComponent(await dummyComponent(wit, world));
  const printed = printWit(description);
  const again = describeComponent(await dummyComponent(printed, "root"));
  expect(normal(again)).toEqual(normal(description));
});

test("a component in C prints to readable WIT", () => {
  const printed = printWit(describeComponent(readFileSync("test/fixtures/tiny.wasm")));
  expect(printed).toContain("world root {\n  import theater:simple/runtime;\n");
  expect(printed).toContain(
    "package theater:simple {\n  interface runtime {\n    log: func(msg: string);\n  }\n",
  );
  expect(printed).toContain(
    "    init: func(state: option<list<u8>>, params: tuple<string>) -> result<tuple<option<list<u8>>>, string>;\n",
  );
});
