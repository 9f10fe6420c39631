// WASI that is not there: files and sockets. Toolchains import them whether a program uses them or not, so they are
// given; but no folder is open, no network is, and whoever asks for one is told so.

import type { ComponentInterface } from "../executor/wit-type.ts";
import { camelCase } from "../executor/wit-value.ts";
import { wasiError } from "./world.ts";

const ABSENT = /^wasi:(?:filesystem\/types|sockets\/[a-z-]+)$/;

export const isAbsent = (standard: string): boolean => ABSENT.test(standard);

const RESOURCE = /^\[[a-z]+\]([^.]+)/;

/**
 * The functions and classes of one such interface. `classes`: those of its instance, by name, because a resource is the
 * same in all interfaces that name it.
 */
export function absentImports(
  { functions, types }: ComponentInterface,
  classes: Map<string, object>,
  className: (resource: string) => string,
): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  const classOf = (resource: string): object => {
    const name = className(resource);
    const known = classes.get(name) ?? class {};
    classes.set(name, known);
    made[name] = known;
    return known;
  };
  for (const [name, type] of types) {
    if (typeof type !== "string" && "resource" in type) classOf(name);
  }
  for (const fn of Object.keys(functions)) {
    const [, resource] = RESOURCE.exec(fn) ?? [];
    if (resource !== undefined) classOf(resource);
    else if (fn === "filesystem-error-code") made[camelCase(fn)] = () => undefined;
    else made[camelCase(fn)] = refuse(fn, classOf);
  }
  return made;
}

/** `instance-network` cannot say no; what is done with the network can. */
function refuse(fn: string, classOf: (resource: string) => object): () => unknown {
  if (fn === "instance-network") {
    return () => Object.create((classOf("network") as { prototype: object }).prototype) as unknown;
  }
  return () => {
    throw wasiError("access-denied");
  };
}
