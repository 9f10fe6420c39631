// What this isolate has seen stored, so that the next birth of the same need not ask: components by their rows, manifests and
// components by their bytes. Rule: only what never changes once it is there, and is never deleted. Forgetting costs a
// question, never an answer.

import { toHex } from "../../lib/bytes.ts";
import type { Environment } from "../environment.ts";
import type { Component } from "./components.ts";

/** Each of a few kB: the types of a component's interfaces. */
const COMPONENTS_MAX = 64;
const CONTENTS_MAX = 1_024;

export class Known {
  readonly #components = new Map<string, Component>();
  readonly #contents = new Set<string>();

  component(digest: Uint8Array): Component | undefined {
    return this.#components.get(toHex(digest));
  }

  noteComponent(component: Component): Component {
    if (this.#components.size >= COMPONENTS_MAX) this.#components.clear();
    this.#components.set(toHex(component.digest), component);
    return component;
  }

  hasContent(digest: Uint8Array): boolean {
    return this.#contents.has(toHex(digest));
  }

  noteContent(digest: Uint8Array): void {
    if (this.#contents.size >= CONTENTS_MAX) this.#contents.clear();
    this.#contents.add(toHex(digest));
  }
}

/** By the bindings themselves, which are the same objects for as long as the isolate lives. */
const known = new WeakMap<object, Known>();

export function knownIn({ LEDGER }: Environment): Known {
  const before = known.get(LEDGER);
  if (before !== undefined) return before;
  const made = new Known();
  known.set(LEDGER, made);
  return made;
}
