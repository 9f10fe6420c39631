// From the bytes of a component to the description of what it imports and exports. The description
// says only what WIT can say; anything else in the binary is refused here, by name.

import { malformed, unsupported } from "./binary-reader.ts";
import { readComponent } from "./component-binary.ts";
import {
  evaluateComponent,
  type InstanceNode,
  type Located,
  type TypeNode,
} from "./component-scope.ts";
import { isLabel, requireDistinct } from "./type-binary.ts";
import { type FunctionNode, resourceName } from "./type-node.ts";
import type { ComponentDescription, ComponentInterface, WitFunction, WitType } from "./wit-type.ts";

/** Bytes of all signatures written out in full, roughly. All of WASI 0.2 has 117,044 (measured). */
const DESCRIPTION_SIZE_MAX = 4 * 1024 * 1024;

/** `interface#function` in an event (docs/chain-format.md). */
const ABOUT_BYTES_MAX = 128;

/** `namespace:package/interface` with an optional version. */
const INTERFACE = /^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*\/[a-zA-Z][a-zA-Z0-9-]*(?:@[0-9a-zA-Z.+-]+)?$/;
const FUNCTION = /^(?:\[(?<kind>constructor|method|static)\])?(?<name>[^.]+)(?:\.(?<member>.+))?$/;

/**
 * Reads imports and exports from the component's own sections. Throws `not-wasm`, `core-module`,
 * `truncated-component` or `bad-component`, the latter two with the byte offset as evidence; streams,
 * futures, error-contexts and async functions are `bad-component` too.
 */
export function describeComponent(bytes: Uint8Array): ComponentDescription {
  const { imports, exports } = evaluateComponent(readComponent(bytes));
  const budget = { left: DESCRIPTION_SIZE_MAX };
  return { imports: interfaces(imports, budget), exports: interfaces(exports, budget) };
}

interface Budget {
  left: number;
}

function interfaces(entities: ReadonlyMap<string, Located>, budget: Budget): ComponentInterface[] {
  const found: ComponentInterface[] = [];
  const bare = new Map<string, Located>();
  for (const [name, entity] of entities) {
    if (entity.sort === "instance") {
      requireName(name, isLabel(name) || INTERFACE.test(name), entity.at);
      found.push(describeInterface(name, entity.instance.exports, budget));
    } else {
      bare.set(name, entity);
    }
  }
  if (bare.size > 0) found.push(describeInterface("", bare, budget));
  return found;
}

function describeInterface(
  name: string,
  entities: InstanceNode["exports"],
  budget: Budget,
): ComponentInterface {
  const functions: Record<string, WitFunction> = {};
  const types: [string, WitType][] = [];
  const resources = new Set<string>();
  for (const [own, { at, ...entity }] of entities) {
    if (entity.sort === "func") {
      functions[own] = describeFunction(entity.func, budget);
    } else if (entity.sort === "type") {
      requireName(own, isLabel(own), at);
      types.push([own, describeType(entity.type, at, budget)]);
      if (entity.type.is === "resource") resources.add(own);
    } else {
      throw unsupported(at, "imports and exports that WIT cannot describe");
    }
  }
  for (const [own, { sort, at }] of entities) {
    if (sort !== "func") continue;
    requireName(own, isFunctionName(own, resources), at);
    if (name.length + own.length >= ABOUT_BYTES_MAX) {
      throw malformed(at, `"${name}#${own}" is longer than ${ABOUT_BYTES_MAX} bytes`);
    }
  }
  requireDistinct(entities.values().next().value?.at ?? 0, Object.keys(functions).filter(isLabel));
  return { name, functions, types };
}

function requireName(name: string, holds: boolean, at: number): void {
  if (!holds) throw malformed(at, `${JSON.stringify(name)} is not a name for an import or export`);
}

function isFunctionName(text: string, resources: ReadonlySet<string>): boolean {
  const { kind, name = "", member } = FUNCTION.exec(text)?.groups ?? {};
  if (kind === undefined) return member === undefined && isLabel(name);
  if (!resources.has(name)) return false;
  return kind === "constructor" ? member === undefined : isLabel(member ?? "");
}

function describeFunction({ params, result, at }: FunctionNode, budget: Budget): WitFunction {
  const node = (value: FunctionNode["params"][number][1]): WitType => {
    spend(budget, value.size, at);
    return value.build();
  };
  return {
    params: params.map(([name, value]) => [name, node(value)] as const),
    result: result === null ? null : node(result),
  };
}

function describeType(type: TypeNode, at: number, budget: Budget): WitType {
  if (type.is === "resource") return { resource: resourceName(type, at) };
  if (type.is !== "value") throw unsupported(at, "imports and exports that WIT cannot describe");
  spend(budget, type.size, at);
  return type.build();
}

function spend(budget: Budget, size: number, at: number): void {
  budget.left -= size;
  if (budget.left < 0) {
    throw malformed(at, `its signatures are longer than ${DESCRIPTION_SIZE_MAX} bytes`);
  }
}
