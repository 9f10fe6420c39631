// Names of types in a WIT text, looked up and written out. A name stands for its type wherever it is used,
// and a few lines of names can stand for more than a machine holds: the written-out size is limited.

import { TheaterError } from "../lib/errors.ts";
import type { Primitive, WitType } from "./wit-type.ts";

/** A type as it is written: names in it are looked up once all of the text is read. */
export type WrittenType =
  | { is: "primitive"; primitive: Primitive }
  | { is: "name"; name: string }
  | { is: "shape"; parts: (WrittenType | null)[]; make: (parts: (WitType | null)[]) => WitType };

export interface WrittenInterface {
  types: Map<string, WrittenType | { from: string; name: string }>;
  functions: Map<string, { params: WrittenType[]; result: WrittenType | null }>;
}

/** Parts of one type, written out. */
const PARTS_MAX = 4_096;
/** As deep as a value of the chain may safely be: an option or a result is two levels of it. */
const DEPTH_MAX = 24;

interface Resolved {
  type: WitType;
  parts: number;
  depth: number;
}

export class WitScope {
  readonly #interfaces: ReadonlyMap<string, WrittenInterface>;
  /** By `interface.type`; "open" while its own definition is being looked up. */
  readonly #known = new Map<string, Resolved | "open">();

  constructor(interfaces: ReadonlyMap<string, WrittenInterface>) {
    this.#interfaces = interfaces;
  }

  /** Throws `bad-request`. */
  resolve(own: string, written: WrittenType): WitType {
    return this.#resolve(own, written).type;
  }

  resolveName(own: string, name: string): WitType {
    return this.#named(own, name).type;
  }

  #resolve(own: string, written: WrittenType): Resolved {
    if (written.is === "primitive") return { type: written.primitive, parts: 1, depth: 1 };
    if (written.is === "name") return this.#named(own, written.name);
    const parts = written.parts.map((part) => (part === null ? null : this.#resolve(own, part)));
    const found = {
      type: written.make(parts.map((part) => part?.type ?? null)),
      parts: parts.reduce((sum, part) => sum + (part?.parts ?? 1), 1),
      depth: 1 + Math.max(0, ...parts.map((part) => part?.depth ?? 0)),
    };
    if (found.parts > PARTS_MAX) throw wrong(`a type has more than ${PARTS_MAX} parts`);
    if (found.depth > DEPTH_MAX) throw wrong(`a type is deeper than ${DEPTH_MAX} levels`);
    return found;
  }

  #named(own: string, name: string): Resolved {
    const key = `${own}.${name}`;
    const known = this.#known.get(key);
    if (known === "open") throw wrong(`the type ${name} is made of itself`);
    if (known !== undefined) return known;
    const written = this.#interfaces.get(own)?.types.get(name);
    if (written === undefined) throw wrong(`there is no type ${name} in ${own}`);
    this.#known.set(key, "open");
    const found =
      "from" in written ? this.#named(written.from, written.name) : this.#resolve(own, written);
    this.#known.set(key, found);
    return found;
  }
}

function wrong(what: string): TheaterError {
  return new TheaterError("bad-request", `Mend the WIT text: ${what}.`);
}
