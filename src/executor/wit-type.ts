// What a component's interfaces look like, as plain JSON: it is stored beside the module set and read
// by the recorder, the call route and the command line.

export type Primitive =
  | "bool"
  | "u8"
  | "s8"
  | "u16"
  | "s16"
  | "u32"
  | "s32"
  | "u64"
  | "s64"
  | "f32"
  | "f64"
  | "char"
  | "string";

/** A type's own name and the interface that defines it (`""`: the world). */
interface Named {
  readonly name?: string;
  readonly of?: string;
}

/**
 * A WIT type, expanded down to its primitives. A record, variant, enum or flags always has `name` and
 * `of`; other shapes have them where WIT says `type name = …`. `alias` is a primitive with a name.
 * A type reached through `use` or through a second name is the same type: it keeps its first name.
 * `own`, `borrow` and `resource` hold `interface#resource`; `resource` itself is no type of a value and
 * stands only in `ComponentInterface.types`.
 */
export type WitType = Primitive | CompoundType;

export type CompoundType = Named &
  (
    | { readonly alias: Primitive }
    | { readonly list: WitType }
    | { readonly option: WitType }
    | { readonly result: { readonly ok: WitType | null; readonly err: WitType | null } }
    | { readonly tuple: readonly WitType[] }
    | { readonly record: readonly (readonly [name: string, type: WitType])[] }
    | { readonly variant: readonly (readonly [name: string, type: WitType | null])[] }
    | { readonly enum: readonly string[] }
    | { readonly flags: readonly string[] }
    | { readonly own: string }
    | { readonly borrow: string }
    | { readonly resource: string }
  );

export interface WitFunction {
  readonly params: readonly (readonly [name: string, type: WitType])[];
  readonly result: WitType | null;
}

export interface ComponentInterface {
  /** `theater:simple/runtime`, with `@version` if it has one; a plain name for an interface written
   * inside the world; `""` for the functions and types of the world itself. */
  readonly name: string;
  /** Keyed by WIT name; those of a resource are `[constructor]r`, `[method]r.f` and `[static]r.f`. */
  readonly functions: Readonly<Record<string, WitFunction>>;
  /** The names in scope, in order: definitions, and types used from elsewhere under their local name. */
  readonly types: readonly (readonly [name: string, type: WitType])[];
}

export interface ComponentDescription {
  readonly imports: readonly ComponentInterface[];
  readonly exports: readonly ComponentInterface[];
}

/** The function of that WIT name; safe for names that come from outside (`valueOf`, `constructor`). */
export function findFunction(
  interfaces: readonly ComponentInterface[],
  wanted: { interface: string; function: string },
): WitFunction | undefined {
  const found = interfaces.find(({ name }) => name === wanted.interface)?.functions;
  if (found === undefined || !Object.hasOwn(found, wanted.function)) return undefined;
  return found[wanted.function];
}
