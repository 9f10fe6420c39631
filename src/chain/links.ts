// The links in a value: what a payload names besides its own bytes.

import { Link, type Value } from "./value.ts";

export function* linksIn(value: Value): Generator<Link> {
  if (value instanceof Link) {
    yield value;
  } else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    for (const part of Object.values(value)) yield* linksIn(part as Value);
  }
}

export function hasLinks(value: Value): boolean {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  return value instanceof Link || Object.values(value).some((part) => hasLinks(part as Value));
}
