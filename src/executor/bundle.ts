// The module sets that were bundled with the Worker, by digest: their code is in the Worker's own isolate, because
// whoever deployed it put it there. Nothing of them is instantiated before its first turn.

import type { BundledSet } from "./executor.ts";
import { Instances, type LoadedCode, type PureHost } from "./instances.ts";

/** One of `build/bundled.js`, which the build step makes of what `theater bundle` wrote. */
export type BundledModules = BundledSet & Pick<LoadedCode, "environment" | "cores">;

export class Bundle {
  readonly sets: readonly BundledModules[];
  readonly #pure: PureHost;
  readonly #instances = new Map<string, Instances>();

  constructor(sets: readonly BundledModules[], pure: PureHost) {
    this.sets = sets;
    this.#pure = pure;
  }

  /** The same for all actors of a module set in this isolate; undefined for one that is not bundled. */
  instances(digest: string): Instances | undefined {
    const known = this.#instances.get(digest);
    if (known !== undefined) return known;
    const modules = this.sets.find((each) => each.digest === digest);
    if (modules === undefined) return undefined;
    const { environment, cores, set } = modules;
    const made = new Instances({ environment, cores, description: set.description }, this.#pure);
    this.#instances.set(digest, made);
    return made;
  }
}
