// Names in printed WIT: how they are escaped, and which local name a type has in an interface.

import type { ComponentInterface, CompoundType, WitType } from "./wit-type.ts";

/** Where a type's own name was given to it; undefined for a shape without name. */
export function definitionOf(type: CompoundType): { of: string; name: string } | undefined {
  if ("resource" in type) return splitResource(type.resource);
  const { of, name } = type;
  return of === undefined || name === undefined ? undefined : { of, name };
}

function splitResource(resource: string): { of: string; name: string } {
  const mark = resource.lastIndexOf("#");
  return { of: resource.slice(0, mark), name: resource.slice(mark + 1) };
}

/** The names in scope of one interface, and what it must `use` to have them. */
export class Names {
  readonly #of: string;
  /** By `interface#name` of the definition: the local name. */
  readonly #local = new Map<string, string>();
  readonly #taken: Set<string>;

  constructor(of: string, types: ComponentInterface["types"]) {
    this.#of = of;
    this.#taken = new Set(types.map(([name]) => name));
    for (const [name, type] of types) {
      const defined = typeof type === "string" ? undefined : definitionOf(type);
      if (defined === undefined) continue;
      const key = `${defined.of}#${defined.name}`;
      if (!this.#local.has(key)) this.#local.set(key, name);
    }
  }

  text(type: WitType): string {
    if (typeof type === "string") return type;
    const defined = definitionOf(type);
    return defined === undefined ? this.shape(type) : escape(this.#localName(defined));
  }

  shape(type: WitType): string {
    if (typeof type === "string") return type;
    if ("alias" in type) return type.alias;
    if ("list" in type) return `list<${this.text(type.list)}>`;
    if ("option" in type) return `option<${this.text(type.option)}>`;
    if ("tuple" in type) return `tuple<${type.tuple.map((one) => this.text(one)).join(", ")}>`;
    if ("own" in type) return escape(this.#localName(splitResource(type.own)));
    if ("borrow" in type) return `borrow<${escape(this.#localName(splitResource(type.borrow)))}>`;
    if ("result" in type) {
      const { ok, err } = type.result;
      if (err === null) return ok === null ? "result" : `result<${this.text(ok)}>`;
      return `result<${ok === null ? "_" : this.text(ok)}, ${this.text(err)}>`;
    }
    return escape(this.#localName(definitionOf(type) ?? { of: this.#of, name: "unnamed" }));
  }

  /** Call it when everything else is printed: a function may use a type that no list of names has. */
  uses(): string[] {
    const from = new Map<string, string[]>();
    for (const [key, local] of this.#local) {
      const { of, name } = splitResource(key);
      if (of === this.#of) continue;
      const renamed = local === name ? escape(name) : `${escape(name)} as ${escape(local)}`;
      from.set(of, [...(from.get(of) ?? []), renamed]);
    }
    return [...from].map(([of, names]) => `use ${this.#path(of)}.{${names.join(", ")}};`);
  }

  /** Inside its own package an interface goes by its last name: the full one counts as a cycle. */
  #path(of: string): string {
    const [here, there] = [splitName(this.#of), splitName(of)];
    return here.package === there.package ? escape(there.interface) : escapePath(of);
  }

  #localName({ of, name }: { of: string; name: string }): string {
    const key = `${of}#${name}`;
    const known = this.#local.get(key);
    if (known !== undefined) return known;
    let local = name;
    for (let i = 2; this.#taken.has(local); i++) local = `${name}${i}`;
    this.#taken.add(local);
    this.#local.set(key, local);
    return local;
  }
}

const KEYWORDS = new Set(
  (
    "as async bool borrow char constructor enum error-context export f32 f64 flags float32 float64 " +
    "from func future import include interface list map option own package record resource result " +
    "s16 s32 s64 s8 static stream string tuple type u16 u32 u64 u8 use variant with world"
  ).split(" "),
);

export function isKeyword(name: string): boolean {
  return KEYWORDS.has(name);
}

export function escape(name: string): string {
  return KEYWORDS.has(name) ? `%${name}` : name;
}

/** Escapes the parts of `a:b/c@1.0.0`. */
export function escapePath(path: string): string {
  const [name = "", version] = path.split("@");
  const escaped = name.replace(/[^:/]+/g, escape);
  return version === undefined ? escaped : `${escaped}@${version}`;
}

/** `a:b/c@1.0.0` → package `a:b@1.0.0`, interface `c`. */
export function splitName(name: string): { package: string; interface: string } {
  const [path = "", version] = name.split("@");
  const slash = path.indexOf("/");
  const suffix = version === undefined ? "" : `@${version}`;
  return { package: path.slice(0, slash) + suffix, interface: path.slice(slash + 1) };
}
