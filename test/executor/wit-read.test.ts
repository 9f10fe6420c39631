// Goal: the text of an interface gives the signatures that a component built from it has. Oracle: wasm-tools
// reads the same text, and describeComponent what it made.

import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeComponent } from "../../src/executor/describe-component.ts";
import { bareFunction } from "../../src/executor/wit-signature.ts";
import { readWit, WIT_CHARS_MAX } from "../../src/executor/wit-read.ts";
import { dummyComponent } from "./components.ts";

async function asBuilt(text: string, interfaces: readonly string[]) {
  const imports = interfaces.map((name) => `import ${name};`).join(" ");
  const wit = `${text}\nworld everything { ${imports} }`;
  const description = describeComponent(await dummyComponent(wit, "everything"));
  return Object.fromEntries(
    description.imports.flatMap(({ name, functions }) =>
      Object.entries(functions).map(([fn, type]) => [`${name}#${fn}`, bareFunction(type)]),
    ),
  );
}

const RICH = `
/// A shop. /* still one line */
package example:shop@1.2.0-rc.1;

/* a block /* in a block */ */
interface goods {
  use money.{price, %type as kind};
  list-all: func(filter: option<filter>, at: tuple<u8, s64>) -> result<list<item>, string>;
  nothing: func();
  plain: func() -> result;
  half: func() -> result<_, kind>;
  other: func() -> result<u8>;
  bytes: func(x: blob,) -> list<char>;
  record item { name: string, %list: list<list<price>>, seen: again, }
  type again = item-flags;
  type blob = list<u8>;
  flags item-flags { fresh, URL-known }
  variant filter { all, cheaper(price), of-kinds(list<kind>) }
}
interface money {
  type price = f64;
  enum %type { dear, cheap }
}
`;

test("every form of type is read as wasm-tools reads it", async () => {
  expect(Object.fromEntries(readWit(RICH))).toEqual(await asBuilt(RICH, ["goods"]));
});

test("the interfaces of theater:simple are read as signatures.json has them", () => {
  const files = readdirSync("wit").filter((file) => file !== "worlds.wit" && file.endsWith(".wit"));
  const texts = files.map((file) =>
    readFileSync(`wit/${file}`, "utf8").replace(/^package theater:simple;$/m, ""),
  );
  const all = JSON.parse(readFileSync("src/handlers/signatures.json", "utf8")) as object;
  const known = Object.fromEntries(
    Object.entries(all).filter(([about]) => about.startsWith("theater:simple/")),
  );
  const bare = texts
    .join("")
    .replaceAll(/\/\/.*/g, "")
    .replaceAll(/\n\s*/g, "\n");
  const read = Object.fromEntries(readWit(`package theater:simple;${bare}`));
  expect(read).toMatchObject(known);
  expect(Object.keys(read).length).toBeGreaterThan(60);
});

test.each([
  ["no package", "interface i {}", "package"],
  ["a world", "package a:b; world w {}", '"interface"'],
  ["a resource", "package a:b; interface i { resource r; }", "a name"],
  ["an async function", "package a:b; interface i { f: async func(); }", '"func"'],
  ["a gate", "package a:b; @since(version = 1.0.0) interface i {}", "has no place"],
  ["a function twice", "package a:b; interface i { f: func(); F: func(); }", "twice"],
  ["an interface twice", "package a:b; interface i {} interface i {}", "twice"],
  ["a field twice", "package a:b; interface i { record r { a: u8, a: u8 } }", "twice"],
  ["a parameter twice", "package a:b; interface i { f: func(a: u8, a: u8); }", "twice"],
  ["an empty record", "package a:b; interface i { record r {} }", "at least one"],
  ["an unknown type", "package a:b; interface i { f: func(a: prize); }", "no type prize"],
  ["a type of another package", "package a:b; interface i { use c:d/e.{f}; }", '"."'],
  ["a type of no interface", "package a:b; interface i { use j.{f}; }", "no type f in j"],
  ["a type of itself", "package a:b; interface i { type a = list<b>; type b = a; }", "of itself"],
  [
    "a use in a circle",
    "package a:b; interface i { use j.{t}; } interface j { use i.{t}; }",
    "itself",
  ],
  ["a keyword as a name", "package a:b; interface i { f: func(list: u8); }", "a name"],
  ["a stream", "package a:b; interface i { f: func(a: stream<u8>); }", "a name"],
  ["a text without end", "package a:b; interface i { f: func(", "the end"],
  ["a comment without end", "package a:b; interface i { /* ", "the end"],
  ["a strange sign", "package a:b; interface i { f: func() -> §; }", '"§"'],
  ["a bad name", "package a:b; interface i { a-Bc: func(); }", "kebab-case"],
  ["too long a text", `package a:b;${" ".repeat(WIT_CHARS_MAX)}`, "characters"],
  ["a type too deep", `package a:b; interface i { type t = ${"list<".repeat(40)}u8`, "deep"],
  ["names too long", `package a:b; interface i { ${"f".repeat(130)}: func(); }`, "shorter"],
])("%s is refused", (_, text, why) => {
  expect(() => readWit(text)).toThrow(
    expect.objectContaining({ code: "bad-request", message: expect.stringContaining(why) }),
  );
});

test("a text whose types double with every line is refused, and quickly", () => {
  const doubling = Array.from({ length: 60 }, (_, i) => `type t${i + 1} = tuple<t${i}, t${i}>;`);
  const text = `package a:b; interface i { type t0 = u8; ${doubling.join(" ")} }`;
  expect(() => readWit(text)).toThrow("more than");
  const deep = Array.from({ length: 60 }, (_, i) => `type t${i + 1} = list<t${i}>;`);
  expect(() => readWit(`package a:b; interface i { type t0 = u8; ${deep.join(" ")} }`)).toThrow(
    "deeper",
  );
});

function endOf(text: string): string {
  try {
    readWit(text);
    return "read";
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
}

test("whatever the text is, it is read or refused with a reason", () => {
  const words = fc.constantFrom(
    ..."package interface use type record variant func list result option a b : ; { } ( ) < > , = . -> /* */ _".split(
      " ",
    ),
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 60 }), (parts) => {
      expect(["read", "bad-request"]).toContain(
        endOf(`package a:b; interface i { ${parts.join(" ")} }`),
      );
    }),
    { numRuns: 2_000 },
  );
});
