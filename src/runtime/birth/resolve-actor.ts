// From a manifest to what an actor of it would be: its references followed, its grants worked out, its
// component checked against them. For a birth and for an upgrade alike; nobody exists by it.

import { digestText } from "../../chain/cid.ts";
import type { Value } from "../../chain/value.ts";
import type { ComponentDescription } from "../../executor/wit-type.ts";
import { siteGrant } from "../../handlers/http-framework.ts";
import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import { fromUtf8 } from "../../lib/bytes.ts";
import { checkFit } from "../../manifest/fit.ts";
import { readManifest, type Manifest } from "../../manifest/manifest.ts";
import {
  permissionsAtBirth,
  permissionsOfFork,
  type Permissions,
} from "../../manifest/permissions.ts";
import { resolvedManifest, type ManifestSource } from "../../manifest/toml.ts";
import type { ContentStore } from "../../store/store.ts";
import { standardHandler } from "../../wasi/standard.ts";
import { supervisionText, type BornSource } from "./born-supervision.ts";
import { checkChild, ofChild } from "./check-child.ts";
import type { Component } from "./components.ts";
import type { References } from "./references.ts";

interface ResolveParts {
  content: ContentStore;
  registry: Registry;
  plugins: Plugins;
}

export interface ActorPlan {
  manifest: ManifestSource;
  /** What `{{…}}` in it names. */
  variables: Record<string, unknown>;
  /** Null: nobody but its manifest limits it. */
  parent: { id: string; permissions: Permissions } | null;
  references: References;
  /** Of a fork: its origin, beyond whose permissions it gets nothing. */
  origin?: { id: string; permissions: Permissions } | undefined;
}

export interface ResolvedActor {
  manifest: Manifest;
  component: Component;
  /** The manifest as a chain commits to it: TOML that names content only. */
  source: Uint8Array;
  permissions: Permissions;
  /** See `supervisionText`. */
  supervision: string | null;
}

/** Throws what is wrong with the manifest, the component or the two together. */
export async function resolveActor(plan: ActorPlan, parts: ResolveParts): Promise<ResolvedActor> {
  const { registry, plugins } = parts;
  const { references } = plan;
  const { manifest, table } = readManifest(plan.manifest, registry, plan.variables);
  const asking = { ...manifest, handlers: await plugins.pin(manifest.handlers) };
  const granted =
    plan.origin === undefined
      ? permissionsAtBirth(asking, plan.parent, registry)
      : permissionsOfFork(asking, plan.origin, registry);
  const component = await references.component(manifest.component);
  const { description } = component.set;
  const permissions = withRoute(granted, description);
  checkFit(asking, description, plugins.registryFor(registry, asking.handlers));
  const parent = { id: manifest.name, permissions };
  const sources = await resolveSources(manifest.supervision, parent, { ...parts, references });
  const callbacks =
    Object.hasOwn(permissions.held, "supervisor") &&
    description.exports.some(({ name }) => name === "theater:simple/supervisor-handlers");
  const children = new Map([...sources].map(([name, child]) => [name, child.manifest]));
  const digest = digestText(component.digest);
  return {
    manifest,
    component,
    source: fromUtf8(resolvedManifest(table, { component: digest, children })),
    permissions,
    supervision: supervisionText({ spec: manifest.supervision.spec, sources, callbacks }),
  };
}

/** A standard component makes no routes: its one route takes whatever comes. */
function withRoute(permissions: Permissions, { exports }: ComponentDescription): Permissions {
  if (standardHandler(exports) === undefined) return permissions;
  const site = siteGrant(permissions.held["http-framework"]);
  const held = { ...permissions.held, "http-framework": { ...site, catchAll: true } as Value };
  return { ...permissions, held };
}

/** What the children of the manifest are made from, whatever becomes of the names by which it calls it. */
async function resolveSources(
  { sources }: Manifest["supervision"],
  parent: { id: string; permissions: Permissions },
  parts: ResolveParts & { references: References },
): Promise<Map<string, BornSource>> {
  const { references, content } = parts;
  const pinned = new Map<string, { text: string; digest: string }>();
  const checked = new Set<string>();
  const found = new Map<string, BornSource>();
  for (const [name, source] of sources) {
    try {
      const initState = source.initState === null ? null : await references.state(source.initState);
      let manifest = pinned.get(source.manifest);
      if (manifest === undefined) {
        const text = await references.manifest(source.manifest);
        manifest = { text, digest: digestText(await content.put(fromUtf8(text))) };
        pinned.set(source.manifest, manifest);
      }
      const same = JSON.stringify([source.manifest, source.initState]);
      const child = { manifest: manifest.text, initState, parent };
      if (!checked.has(same)) await checkChild(child, parts);
      checked.add(same);
      found.set(name, { manifest: manifest.digest, initState });
    } catch (thrown) {
      throw ofChild(name, thrown);
    }
  }
  return found;
}
