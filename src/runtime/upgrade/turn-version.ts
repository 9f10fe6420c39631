// What turns run on, made of the version in force: its modules, and the handlers that it is granted.

import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import type { ContentStore } from "../../store/store.ts";
import { moduleSetRef } from "../birth/module-sets.ts";
import type { TurnVersion } from "../turn/turn-parts.ts";
import type { CurrentVersion, Version } from "./version.ts";

interface Parts {
  content: ContentStore;
  registry: Registry;
  plugins: Plugins;
}

/** Asked at the beginning of each turn; made anew only where the version is another. */
export function turnVersions(current: CurrentVersion, parts: Parts): () => TurnVersion {
  let made: { of: Version; version: TurnVersion } | undefined;
  return () => {
    const of = current.now;
    if (made?.of !== of) made = { of, version: turnVersion(of, parts) };
    return made.version;
  };
}

function turnVersion({ modules, permissions, limits }: Version, parts: Parts): TurnVersion {
  const { content, plugins } = parts;
  const grants = permissions.held;
  const registry = plugins.livingRegistry(parts.registry, grants);
  return {
    registry,
    modules: moduleSetRef(content, modules),
    limits,
    grants,
    pureGrants: registry.pureGrants(grants),
  };
}
