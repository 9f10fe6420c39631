// From the bytes of a component to the description of what it imports and exports. The description
// says only what WIT can say; anything else in the binary is refused here, by name.

import { malformed, unsupported } from "./binary-reader.ts";
import { readComponent } from "./component-binary.ts";
import { type Entity, evaluateComponent, type InstanceNode } from "./component-scope.ts";
import { isLabel, requireDistinct } from "./type-binary.ts";
import { type FunctionNode, resourceName } from "./type-node.ts";
import type { ComponentDescription, ComponentInterface, WitFunction, WitType } from "./wit-type.ts";

/** All signatures written out in full: about 4 MB of JSON. WASI's command world has some 3,000. */
const DESCRIPTION_SIZE_MAX = 100_000;

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

function interfaces(entities: ReadonlyMap<string, Entity>, budget: Budget): ComponentInterface[] {
  const found: ComponentInterface[] = [];
  const bare = new Map<string, Entity>();
  for (const [name, entity] of entities) {
    if (entity.sort === "instance") {
      if (!isLabel(name) && !INTERFACE.test(name)) {
        throw malformed(0, `${JSON.stringify(name)} is not the name of an interface`);
      }
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
  for (const [own, entity] of entities) {
    if (entity.sort === "func") {
      functions[own] = describeFunction(entity.func, budget);
    } else if (entity.sort === "type") {
      requireName(own, isLabel(own));
      types.push([own, describeType(entity.type, budget)]);
      if (entity.type.is === "resource") resources.add(own);
    } else {
      const where = name === "" ? "the component" : name;
      throw unsupported(0, `imports or exports of another kind ("${own}" of ${where})`);
    }
  }
  const names = Object.keys(functions);
  for (const own of names) requireName(own, isFunctionName(own, resources));
  requireDistinct(0, names.filter(isLabel));
  return { name, functions, types };
}

function requireName(name: string, holds: boolean): void {
  if (!holds) throw malformed(0, `${JSON.stringify(name)} is not the name of an import or export`);
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

function describeType(type: Extract<Entity, { sort: "type" }>["type"], budget: Budget): WitType {
  if (type.is === "resource") return { resource: resourceName(type, 0) };
  if (type.is !== "value") throw unsupported(0, "exports of function or instance types");
  spend(budget, type.size, 0);
  return type.build();
}

function spend(budget: Budget, size: number, at: number): void {
  budget.left -= size;
  if (budget.left < 0) {
    throw malformed(at, `its signatures have more than ${DESCRIPTION_SIZE_MAX} parts`);
  }
}
