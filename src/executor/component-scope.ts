// Resolves the declarations of a component to types: follows indices, aliases and instantiations, and
// finds out which interface gives each type its name. What a component exports are mostly instances of
// nested components, so these are evaluated with the arguments they get, as at run time.

import { assert } from "../lib/errors.ts";
import { malformed, unsupported } from "./binary-reader.ts";
import type { Declaration, Extern, Item, Sort, TypeDefinition } from "./component-syntax.ts";
import { NESTING_MAX } from "./type-binary.ts";
import {
  defineType,
  type FunctionNode,
  nameType,
  type Owner,
  type ResourceNode,
  type ValueNode,
} from "./type-node.ts";

/** Over all instantiations together; a small file could otherwise ask for 2^n of them. */
const EVALUATIONS_MAX = 200_000;

/** The type of an instance or component that is declared but not there: its body and where it stands. */
interface BodyNode {
  readonly is: "instance-type" | "component-type";
  readonly body: readonly Declaration[];
  readonly scope: Scope;
}

export type TypeNode = ValueNode | ResourceNode | FunctionNode | BodyNode;

export interface InstanceNode {
  readonly owner: Owner;
  readonly exports: ReadonlyMap<string, Located>;
}

interface ComponentNode {
  readonly body: readonly Declaration[];
  readonly scope: Scope;
}

type Entity =
  | { readonly sort: "type"; readonly type: TypeNode }
  | { readonly sort: "func"; readonly func: FunctionNode }
  | { readonly sort: "instance"; readonly instance: InstanceNode }
  | { readonly sort: "component"; readonly component: ComponentNode }
  | { readonly sort: "core" };

/** An import or export, and where it is declared. */
export type Located = Entity & { readonly at: number };

/** Evaluates the outermost component. Throws `bad-component`. */
export function evaluateComponent(body: readonly Declaration[]): {
  imports: ReadonlyMap<string, Located>;
  exports: ReadonlyMap<string, Located>;
} {
  const scope = new Scope({
    parent: null,
    owner: { name: "", final: true },
    given: null,
    budget: { left: EVALUATIONS_MAX },
    depth: 0,
  });
  scope.run(body);
  return scope;
}

interface Surroundings {
  readonly parent: Scope | null;
  readonly owner: Owner;
  /** The arguments of an instantiation; null where imports are declared, not given. */
  readonly given: ReadonlyMap<string, Entity> | null;
  readonly budget: { left: number };
  /** Counted along the calls, not the scopes: a type may refer to itself through an outer alias. */
  readonly depth: number;
}

/** The index spaces of one component, or of one instance type. */
class Scope {
  readonly imports = new Map<string, Located>();
  readonly exports = new Map<string, Located>();
  readonly #around: Surroundings;
  readonly #spaces: Record<Exclude<Sort, "core">, Entity[]> = {
    type: [],
    func: [],
    instance: [],
    component: [],
  };

  constructor(around: Surroundings) {
    this.#around = around;
  }

  run(body: readonly Declaration[]): void {
    for (const declaration of body) {
      const { at } = declaration;
      this.#around.budget.left -= 1;
      if (this.#around.budget.left < 0) {
        throw malformed(at, `it has more than ${EVALUATIONS_MAX} declarations once instantiated`);
      }
      const entity = this.#evaluate(declaration);
      if (entity.sort !== "core") this.#spaces[entity.sort].push(entity);
    }
  }

  #evaluate(declaration: Declaration): Entity {
    const { at } = declaration;
    switch (declaration.does) {
      case "type":
        return { sort: "type", type: this.#define(declaration.definition, at) };
      case "import":
        return this.#import(declaration.name, declaration.extern, at);
      case "declare":
        return this.#add(declaration.name, this.#declared(declaration, at), at);
      case "export":
        return this.#add(declaration.item.name, this.#exported(declaration, at), at);
      case "alias": {
        const instance = this.#instance(declaration.instance, at);
        const entity = instance.exports.get(declaration.name);
        if (entity?.sort === declaration.sort) return entity;
        throw malformed(at, `no ${declaration.sort} is exported as "${declaration.name}"`);
      }
      case "outer":
        return this.#outer(declaration, at);
      case "instantiate": {
        const entity = this.#get("component", declaration.component, at);
        assert(entity.sort === "component", "a space holds entities of its own sort");
        const given = this.#items(declaration.items, at);
        return this.#instantiate(entity.component, given, at);
      }
      case "bundle": {
        const owner: Owner = { name: undefined, final: false };
        const exports = new Map<string, Located>();
        for (const [name, entity] of this.#items(declaration.items, at)) {
          exports.set(name, { ...named(entity, name, owner, at), at });
        }
        return { sort: "instance", instance: { owner, exports } };
      }
      case "component":
        return { sort: "component", component: { body: declaration.body, scope: this } };
      case "lift":
        return { sort: "func", func: this.#function(declaration.type, at) };
      default:
        return declaration satisfies never;
    }
  }

  #define(definition: TypeDefinition, at: number): TypeNode {
    if ("body" in definition) {
      return { is: `${definition.is}-type`, body: definition.body, scope: this };
    }
    return defineType(definition, at, (index) => this.#type(index, at));
  }

  #import(name: string, extern: Extern, at: number): Entity {
    const { given } = this.#around;
    if (given === null) {
      if (this.imports.has(name)) throw malformed(at, `"${name}" is imported twice`);
      const entity = this.#declared({ name, extern }, at);
      this.imports.set(name, { ...entity, at });
      return entity;
    }
    const entity = given.get(name);
    const sort = extern.is === "eq" || extern.is === "resource" ? "type" : extern.is;
    if (entity?.sort === sort) return entity;
    throw malformed(at, `an instantiation gives no ${sort} "${name}"`);
  }

  /** What an import, or an export inside a type, is said to be. */
  #declared({ name, extern }: { name: string; extern: Extern }, at: number): Entity {
    switch (extern.is) {
      case "core":
        return { sort: "core" };
      case "func":
        return { sort: "func", func: this.#function(extern.type, at) };
      case "eq":
        return named({ sort: "type", type: this.#type(extern.type, at) }, name, this.#owner, at);
      case "resource": {
        const type: ResourceNode = { is: "resource", name, owner: this.#owner };
        return { sort: "type", type };
      }
      case "instance": {
        const type = this.#type(extern.type, at);
        if (type.is !== "instance-type") throw malformed(at, "an instance has another type");
        const owner: Owner = { name, final: this.#isOutermost };
        return { sort: "instance", instance: this.#enter(type, { owner, given: null }, at) };
      }
      case "component":
        throw unsupported(at, "components as imports or exports");
      default:
        return extern satisfies never;
    }
  }

  #exported({ item, extern }: { item: Item; extern: Extern | null }, at: number): Entity {
    const { name, sort, index } = item;
    if (sort === "core") return { sort };
    const entity = this.#get(sort, index, at);
    if (extern === null || extern.is === "resource" || extern.is === "component") {
      return this.#claimed(named(entity, name, this.#owner, at), name);
    }
    return this.#claimed(this.#declared({ name, extern }, at), name);
  }

  /** An exported instance gives its types their interface's name; the outermost export decides. */
  #claimed(entity: Entity, name: string): Entity {
    if (entity.sort === "instance" && !entity.instance.owner.final) {
      entity.instance.owner.name = name;
      entity.instance.owner.final = this.#isOutermost;
    }
    return entity;
  }

  #add(name: string, entity: Entity, at: number): Entity {
    if (this.exports.has(name)) throw malformed(at, `"${name}" is exported twice`);
    this.exports.set(name, { ...entity, at });
    return entity;
  }

  #outer(
    { sort, levels, index }: { sort: Sort; levels: number; index: number },
    at: number,
  ): Entity {
    const scope = this.#outward(levels);
    if (scope === undefined || sort === "core") throw malformed(at, "an alias reaches out too far");
    return scope.#get(sort, index, at);
  }

  #outward(levels: number): Scope | undefined {
    if (levels === 0) return this;
    const { parent } = this.#around;
    return parent === null ? undefined : parent.#outward(levels - 1);
  }

  #instantiate(component: ComponentNode, given: ReadonlyMap<string, Entity>, at: number): Entity {
    const owner: Owner = { name: undefined, final: false };
    return { sort: "instance", instance: this.#enter(component, { owner, given }, at) };
  }

  #enter(
    { body, scope: parent }: { body: readonly Declaration[]; scope: Scope },
    { owner, given }: Pick<Surroundings, "owner" | "given">,
    at: number,
  ): InstanceNode {
    const { budget, depth } = this.#around;
    if (depth >= NESTING_MAX) throw malformed(at, `nested deeper than ${NESTING_MAX} levels`);
    const scope = new Scope({ parent, owner, given, budget, depth: depth + 1 });
    scope.run(body);
    return { owner, exports: scope.exports };
  }

  #items(items: readonly Item[], at: number): Map<string, Entity> {
    const entities = new Map<string, Entity>();
    for (const { name, sort, index } of items) {
      if (entities.has(name)) throw malformed(at, `"${name}" is given twice`);
      entities.set(name, sort === "core" ? { sort } : this.#get(sort, index, at));
    }
    return entities;
  }

  get #owner(): Owner {
    return this.#around.owner;
  }

  get #isOutermost(): boolean {
    return this.#around.parent === null;
  }

  #get(sort: Exclude<Sort, "core">, index: number, at: number): Entity {
    const entity = this.#spaces[sort][index];
    if (entity === undefined) throw malformed(at, `there is no ${sort} ${index} at this point`);
    return entity;
  }

  #type(index: number, at: number): TypeNode {
    const entity = this.#get("type", index, at);
    assert(entity.sort === "type", "a space holds entities of its own sort");
    return entity.type;
  }

  #function(index: number, at: number): FunctionNode {
    const type = this.#type(index, at);
    if (type.is !== "func") throw malformed(at, "a function's type is something else");
    return type;
  }

  #instance(index: number, at: number): InstanceNode {
    const entity = this.#get("instance", index, at);
    assert(entity.sort === "instance", "a space holds entities of its own sort");
    return entity.instance;
  }
}

/** The first name a type is given is its name; later ones are further names for the same type. */
function named(entity: Entity, name: string, owner: Owner, at: number): Entity {
  if (entity.sort !== "type") return entity;
  const { type } = entity;
  if (type.is === "value") return { sort: "type", type: nameType(type, { name, owner, at }) };
  if (type.is === "resource" && type.name === undefined) {
    type.name = name;
    type.owner = owner;
  }
  return entity;
}
