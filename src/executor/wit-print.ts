// Prints a description as WIT text that other WIT tools read: every interface in full, grouped into
// packages, and the world that the component is.

import { definitionOf, escape, escapePath, Names, splitName } from "./wit-names.ts";
import type { ComponentDescription, ComponentInterface, WitFunction, WitType } from "./wit-type.ts";

/** Valid WIT. An interface that is both imported and exported is printed once, with the functions of both. */
export function printWit(description: ComponentDescription): string {
  const packages = new Map<string, ComponentInterface[]>();
  for (const one of mergeByName([...description.imports, ...description.exports])) {
    if (!one.name.includes(":")) continue;
    const { package: name } = splitName(one.name);
    packages.set(name, [...(packages.get(name) ?? []), one]);
  }
  const own = packages.has("root:component") ? "root:component-world" : "root:component";
  const items = [
    ...worldItems(description.imports, "import"),
    ...worldItems(description.exports, "export"),
  ];
  const others = [...packages].map(([name, interfaces]) =>
    block(`package ${escapePath(name)}`, spaced(interfaces.map(printInterface))),
  );
  const parts = [[`package ${own};`], block("world root", spaced(items)), ...others];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function mergeByName(interfaces: readonly ComponentInterface[]): ComponentInterface[] {
  const merged = new Map<string, ComponentInterface>();
  for (const one of interfaces) {
    const before = merged.get(one.name);
    merged.set(one.name, {
      name: one.name,
      functions: { ...one.functions, ...before?.functions },
      types: [...new Map([...one.types, ...(before?.types ?? [])])],
    });
  }
  return [...merged.values()];
}

/** Each item is the lines of one thing. */
function worldItems(
  interfaces: readonly ComponentInterface[],
  direction: "import" | "export",
): string[][] {
  return interfaces.flatMap((one) => {
    if (one.name.includes(":")) return [[`${direction} ${escapePath(one.name)};`]];
    const { uses, types, functions } = printItems(one);
    if (one.name === "") {
      return [...uses, ...types, ...functions.map(([line = ""]) => [`${direction} ${line}`])];
    }
    const head = `${direction} ${escape(one.name)}: interface`;
    return [block(head, spaced([...uses, ...types, ...functions]))];
  });
}

function printInterface(one: ComponentInterface): string[] {
  const { uses, types, functions } = printItems(one);
  const head = `interface ${escape(splitName(one.name).interface)}`;
  return block(head, spaced([...uses, ...types, ...functions]));
}

function printItems(one: ComponentInterface): {
  uses: string[][];
  types: string[][];
  functions: string[][];
} {
  const names = new Names(one.name, one.types);
  const types = one.types.map(([name, type]) =>
    printDefinition({ of: one.name, name, type, functions: one.functions }, names),
  );
  const functions = Object.entries(one.functions)
    .filter(([name]) => !name.startsWith("["))
    .map(([name, type]) => [`${escape(name)}: ${printFunction(type, names)};`]);
  const uses = names.uses().map((line) => [line]);
  return { uses, types: types.filter((lines) => lines.length > 0), functions };
}

interface Definition {
  of: string;
  name: string;
  type: WitType;
  functions: ComponentInterface["functions"];
}

function printDefinition({ of, name, type, functions }: Definition, names: Names): string[] {
  const id = escape(name);
  if (typeof type === "string") return [`type ${id} = ${type};`];
  const definedAs = definitionOf(type);
  if (definedAs === undefined) return [`type ${id} = ${names.shape(type)};`];
  if (definedAs.of !== of) return []; // the names print a `use` for it
  if (definedAs.name !== name) return [`type ${id} = ${escape(definedAs.name)};`];
  if ("resource" in type) return printResource(name, functions, names);
  if ("record" in type) {
    return block(
      `record ${id}`,
      type.record.map(([field, inner]) => `${escape(field)}: ${names.text(inner)},`),
    );
  }
  if ("variant" in type) {
    return block(
      `variant ${id}`,
      type.variant.map(([one, inner]) =>
        inner === null ? `${escape(one)},` : `${escape(one)}(${names.text(inner)}),`,
      ),
    );
  }
  if ("enum" in type) return block(`enum ${id}`, type.enum.map(listed));
  if ("flags" in type) return block(`flags ${id}`, type.flags.map(listed));
  return [`type ${id} = ${names.shape(type)};`];
}

function listed(name: string): string {
  return `${escape(name)},`;
}

function printResource(
  name: string,
  functions: ComponentInterface["functions"],
  names: Names,
): string[] {
  const members = Object.entries(functions).flatMap(([full, type]) => {
    if (full === `[constructor]${name}`) {
      const fallible =
        type.result !== null && typeof type.result !== "string" && "result" in type.result;
      const result = fallible ? type.result : null;
      return [`constructor${printFunction({ params: type.params, result }, names).slice(4)};`];
    }
    const member = full.slice(full.indexOf(".") + 1);
    if (full === `[static]${name}.${member}`) {
      return [`${escape(member)}: static ${printFunction(type, names)};`];
    }
    if (full !== `[method]${name}.${member}`) return [];
    const method = { params: type.params.slice(1), result: type.result };
    return [`${escape(member)}: ${printFunction(method, names)};`];
  });
  return block(`resource ${escape(name)}`, members);
}

/** `func(a: u32) -> string`; named types go by their names. */
export function printFunction({ params, result }: WitFunction, names = new Names("", [])): string {
  const list = params.map(([name, type]) => `${escape(name)}: ${names.text(type)}`).join(", ");
  return `func(${list})${result === null ? "" : ` -> ${names.text(result)}`}`;
}

function block(head: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [`${head} {}`];
  return [`${head} {`, ...lines.map((line) => (line === "" ? "" : `  ${line}`)), "}"];
}

/** Joins items, with an empty line around those that have several lines. */
function spaced(items: readonly (readonly string[])[]): string[] {
  return items.flatMap((lines, i) => {
    const before = items[i - 1];
    const apart = before !== undefined && (before.length > 1 || lines.length > 1);
    return apart ? ["", ...lines] : lines;
  });
}
