// `theater build` as people and programs see it. How an actor is built is in build-actor.ts.

import { basename, relative, resolve } from "node:path";
import { buildActor, newActor, type BuiltActor } from "./build-actor.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./program.ts";

export async function build({ output }: Context, dir: string): Promise<void> {
  output.note(`building ${dir}`);
  const built = await buildActor(dir);
  output.show(summaryOf(built), () =>
    fields([
      ["name", built.name],
      ["component", built.digest],
      ["file", `${shortPath(built.wasmPath)} (${size(built)})`],
      ["imports", built.imports.join(" ")],
    ]),
  );
  const manifest = shortPath(built.manifestPath);
  output.note(`${built.rebuilt ? "" : "nothing had changed; "}start it: theater start ${manifest}`);
}

/** Everything that building checks, and nothing written. */
export async function validate({ output }: Context, dir: string): Promise<void> {
  output.note(`checking ${dir}`);
  const built = await buildActor(dir, { write: false });
  output.show(summaryOf(built), () => `${built.name} is valid`);
}

export async function create(
  { output }: Context,
  dir: string,
  name = basename(resolve(dir)),
): Promise<void> {
  const files = await newActor(dir, name);
  output.show({ name, files }, () => files.map((file) => printable(shortPath(file))).join("\n"));
  output.note(`build it: theater build ${dir}`);
}

function summaryOf({ component, ...built }: BuiltActor): object {
  return { ...built, bytes: component.length };
}

function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

function size({ component }: BuiltActor): string {
  return `${Math.ceil(component.length / 1024)} KiB`;
}
