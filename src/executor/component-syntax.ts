// The declarations of a component binary, as they stand in the file: indices are not yet resolved.
// Core modules, core instances and everything inside them are left out: no WIT type depends on them.

import type { Primitive } from "./wit-type.ts";

export type Sort = "core" | "func" | "type" | "component" | "instance";

/** A built-in type, or an index into the type space of the scope. */
export type TypeRef = Primitive | number;

/** What an import or export is said to be. `eq`: the same type as that index. */
export type Extern =
  | { readonly is: "func" | "eq" | "component" | "instance"; readonly type: number }
  | { readonly is: "resource" | "core" };

export type TypeDefinition =
  | { readonly is: "primitive"; readonly primitive: Primitive }
  | { readonly is: "record"; readonly fields: readonly (readonly [string, TypeRef])[] }
  | { readonly is: "variant"; readonly cases: readonly (readonly [string, TypeRef | null])[] }
  | { readonly is: "list" | "option"; readonly element: TypeRef }
  | { readonly is: "tuple"; readonly elements: readonly TypeRef[] }
  | { readonly is: "enum" | "flags"; readonly names: readonly string[] }
  | { readonly is: "result"; readonly ok: TypeRef | null; readonly err: TypeRef | null }
  | { readonly is: "own" | "borrow"; readonly resource: number }
  | { readonly is: "resource" }
  | FunctionDefinition
  | { readonly is: "instance" | "component"; readonly body: readonly Declaration[] };

export interface FunctionDefinition {
  readonly is: "func";
  readonly params: readonly (readonly [string, TypeRef])[];
  readonly result: TypeRef | null;
}

export interface Item {
  readonly name: string;
  readonly sort: Sort;
  readonly index: number;
}

/** One entry of a section. `at` is its offset in the file, for errors. */
export type Declaration = { readonly at: number } & (
  | { readonly does: "type"; readonly definition: TypeDefinition }
  | { readonly does: "import" | "declare"; readonly name: string; readonly extern: Extern }
  | { readonly does: "export"; readonly item: Item; readonly extern: Extern | null }
  | {
      readonly does: "alias";
      readonly sort: Sort;
      readonly instance: number;
      readonly name: string;
    }
  | { readonly does: "outer"; readonly sort: Sort; readonly levels: number; readonly index: number }
  | { readonly does: "instantiate"; readonly component: number; readonly items: readonly Item[] }
  | { readonly does: "bundle"; readonly items: readonly Item[] }
  | { readonly does: "component"; readonly body: readonly Declaration[] }
  | { readonly does: "lift"; readonly type: number }
);
