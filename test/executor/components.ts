// Real components for the tests, made by the same tools that actors are made with.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { componentEmbed, componentNew } from "@bytecodealliance/jco-transpile/wasm-tools";
import { componentize } from "componentize-qjs";

/** A component with the imports and exports of the world, and functions that trap. */
export async function dummyComponent(witSource: string, world: string): Promise<Uint8Array> {
  return await componentNew(await componentEmbed({ dummy: true, witSource, world }), []);
}

/** A component that runs the JavaScript on QuickJS. */
export async function quickjsComponent(witSource: string, jsSource: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "theater-wit-"));
  try {
    const witPath = join(folder, "world.wit");
    await writeFile(witPath, witSource);
    const { component } = await componentize({ witPath, jsSource, sync: true, stubWasi: true });
    return component;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Every kind of type, `use` across interfaces, resources, versions, keywords as names, and functions
 * and types of the world itself. */
export const RICH_WIT = `
package shop:goods@1.2.3;

interface types {
  type id = string;
  type weight = f32;
  type blob = list<u8>;
  record point { x-pos: u32, y: f64, %record: option<id> }
  enum color { red, dark-green }
  flags perms { read, write-all }
  variant shape { circle(point), none, many(list<shape-part>) }
  record shape-part { parts: tuple<u8, s8, u16, s16, u32, s32>, wide: tuple<u64, s64, f32, f64, char, bool> }
  type outcome = result<shape, string>;
  resource basket {
    constructor(init: blob);
    add: func(n: u64) -> result<u32>;
    default: static func() -> basket;
  }
  resource marker;
}

interface api {
  use types.{point, basket, color as colour, outcome};
  type colour-list = list<colour>;
  draw: func(point: point, %list: colour-list) -> outcome;
  lend: func(b: borrow<basket>, all: list<basket>) -> option<option<basket>>;
  quiet: func();
  %interface: func(%type: result, %func: result<_, u8>) -> result<u8>;
}

world shop {
  use types.{perms};
  import api;
  import plain: interface { type small = u8; take: func(a: small) -> small; }
  import log: func(message: string);
  record local { perms: perms, more: option<perms> }
  export api;
  export run: func(l: local) -> local;
  export inline: interface { use types.{point}; origin: func() -> point; }
}
`;
