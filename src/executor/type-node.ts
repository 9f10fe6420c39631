// Types while a component is being resolved: shared nodes whose names are still open, because a type
// inside an instance learns its interface only when the instance is exported.

import { malformed } from "./binary-reader.ts";
import type { FunctionDefinition, TypeDefinition, TypeRef } from "./component-syntax.ts";
import type { CompoundType, WitType } from "./wit-type.ts";

/** A recorded value is at most as deep as its type, and a block of the chain at most 64 deep. */
const TYPE_DEPTH_MAX = 48;
/** Bytes of one type written out in full: sharing in the file could otherwise make it 2^n. The largest
 * of WASI 0.2 has 2,265 (measured). */
const TYPE_SIZE_MAX = 256 * 1024;
/** About what the JSON of one type has around its names and parts. */
const TYPE_OVERHEAD = 32;

/** The interface that a type belongs to; `final` once the outermost component has named it. */
export interface Owner {
  name: string | undefined;
  final: boolean;
}

export interface ValueNode {
  readonly is: "value";
  readonly depth: number;
  /** Bytes as JSON, roughly. */
  readonly size: number;
  readonly named: boolean;
  /** A record, variant, enum or flags: WIT cannot write one down without a name. */
  readonly nominal: boolean;
  /** The type without its name. Call it only when all names are known. Throws `bad-component`. */
  readonly shape: () => WitType;
  /** The type as others refer to it. Call it only when all names are known. Throws `bad-component`. */
  readonly build: () => WitType;
}

export interface ResourceNode {
  readonly is: "resource";
  name: string | undefined;
  owner: Owner | undefined;
}

export interface FunctionNode {
  readonly is: "func";
  readonly at: number;
  readonly params: readonly (readonly [string, ValueNode])[];
  readonly result: ValueNode | null;
}

type Lookup = (index: number) => { readonly is: string } | ValueNode | ResourceNode | FunctionNode;
type Simple = Exclude<TypeDefinition, { is: "instance" | "component" }>;

export function defineType(
  definition: Simple,
  at: number,
  lookup: Lookup,
): ValueNode | ResourceNode | FunctionNode {
  const value = (ref: TypeRef): ValueNode => valueNode(ref, at, lookup);
  const optional = (ref: TypeRef | null): ValueNode | null => (ref === null ? null : value(ref));
  switch (definition.is) {
    case "primitive":
      return value(definition.primitive);
    case "list":
    case "option": {
      const { is } = definition;
      const element = value(definition.element);
      const build =
        is === "list" ? () => ({ list: element.build() }) : () => ({ option: element.build() });
      return compound([element], at, build);
    }
    case "tuple": {
      const elements = definition.elements.map(value);
      return compound(elements, at, () => ({ tuple: elements.map((element) => element.build()) }));
    }
    case "result": {
      const [ok, err] = [optional(definition.ok), optional(definition.err)];
      return compound([ok, err], at, () => ({
        result: { ok: ok?.build() ?? null, err: err?.build() ?? null },
      }));
    }
    case "record": {
      const fields = definition.fields.map(([name, ref]) => [name, value(ref)] as const);
      const parts = fields.map(([, node]) => node);
      const build = () => ({ record: fields.map(([name, node]) => [name, node.build()] as const) });
      const names = fields.map(([name]) => name);
      return nominal(compound(parts, at, build, names), at);
    }
    case "variant": {
      const cases = definition.cases.map(([name, ref]) => [name, optional(ref)] as const);
      const parts = cases.map(([, node]) => node);
      const build = () => ({
        variant: cases.map(([name, node]) => [name, node?.build() ?? null] as const),
      });
      const names = cases.map(([name]) => name);
      return nominal(compound(parts, at, build, names), at);
    }
    case "enum":
    case "flags": {
      const { is, names } = definition;
      const shape = is === "enum" ? { enum: names } : { flags: names };
      return nominal(
        compound([], at, () => shape),
        at,
      );
    }
    case "own":
    case "borrow":
      return handleNode(definition, at, lookup);
    case "resource":
      return { is: "resource", name: undefined, owner: undefined };
    case "func":
      return functionNode(definition, at, lookup);
    default:
      return definition satisfies never;
  }
}

function handleNode(
  { is, resource: index }: Extract<Simple, { resource: number }>,
  at: number,
  lookup: Lookup,
): ValueNode {
  const resource = lookup(index);
  if (!isResource(resource)) throw malformed(at, "a handle is not to a resource");
  const name = (): string => resourceName(resource, at);
  return compound([], at, is === "own" ? () => ({ own: name() }) : () => ({ borrow: name() }));
}

function functionNode(
  { params, result }: FunctionDefinition,
  at: number,
  lookup: Lookup,
): FunctionNode {
  return {
    is: "func",
    at,
    params: params.map(([name, ref]) => [name, valueNode(ref, at, lookup)] as const),
    result: result === null ? null : valueNode(result, at, lookup),
  };
}

function valueNode(ref: TypeRef, at: number, lookup: Lookup): ValueNode {
  if (typeof ref === "string") {
    const build = (): WitType => ref;
    return {
      is: "value",
      depth: 1,
      size: ref.length,
      named: false,
      nominal: false,
      shape: build,
      build,
    };
  }
  const node = lookup(ref);
  if (isValue(node)) return node;
  throw malformed(at, `type ${ref} is not the type of a value`);
}

function isValue(node: { readonly is: string }): node is ValueNode {
  return node.is === "value";
}

function isResource(node: { readonly is: string }): node is ResourceNode {
  return node.is === "resource";
}

function compound(
  parts: readonly (ValueNode | null)[],
  at: number,
  make: () => CompoundType,
  names: readonly string[] = [],
): ValueNode {
  let depth = 1;
  let size = names.reduce((sum, { length }) => sum + length, TYPE_OVERHEAD);
  for (const part of parts) {
    if (part === null) continue;
    depth = Math.max(depth, part.depth + 1);
    size += part.size;
  }
  if (depth > TYPE_DEPTH_MAX) throw malformed(at, `a type is deeper than ${TYPE_DEPTH_MAX} levels`);
  if (size > TYPE_SIZE_MAX) throw malformed(at, `a type is longer than ${TYPE_SIZE_MAX} bytes`);
  let made: CompoundType | undefined;
  const shape = (): CompoundType => (made ??= make());
  return { is: "value", depth, size, named: false, nominal: false, shape, build: shape };
}

function nominal(node: ValueNode, at: number): ValueNode {
  const build = (): never => {
    throw malformed(at, "a record, variant, enum or flags has no name");
  };
  return { ...node, nominal: true, build };
}

/** Gives a type its name, unless it has one. */
export function nameType(
  node: ValueNode,
  { name, owner, at }: { name: string; owner: Owner; at: number },
): ValueNode {
  if (node.named) return node;
  let built: WitType | undefined;
  const build = (): WitType => (built ??= withName(node, { name, owner, at }));
  return { ...node, size: node.size + TYPE_OVERHEAD + name.length, named: true, build };
}

function withName(
  node: ValueNode,
  { name, owner, at }: { name: string; owner: Owner; at: number },
): WitType {
  const type = node.shape();
  if (owner.name === undefined) {
    if (!node.nominal) return type;
    throw malformed(at, `the type "${name}" is used but its interface is not exported`);
  }
  if (typeof type === "string") return { alias: type, name, of: owner.name };
  return { ...type, name, of: owner.name };
}

/** `interface#resource`. Throws `bad-component` for one that nothing names. */
export function resourceName({ name, owner }: ResourceNode, at: number): string {
  if (name !== undefined && owner?.name !== undefined) return `${owner.name}#${name}`;
  throw malformed(at, "a resource is used but its interface is not exported");
}
