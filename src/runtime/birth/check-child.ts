// Whether the children that a manifest names can ever be born, asked when their supervisor is: what is certain to
// fail then is refused now, and the refusal names the child.
//
// Rule: only what will not change by itself counts. A component that is not there yet may come, and what a
// label of a store names is found out at the child's own birth.

import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import { checkFit } from "../../manifest/fit.ts";
import { readManifest } from "../../manifest/manifest.ts";
import { permissionsAtBirth, type Permissions } from "../../manifest/permissions.ts";
import { readTable } from "../../manifest/toml.ts";
import { variablesFor } from "../../manifest/variables.ts";
import type { Component } from "./components.ts";
import { isInStore, type References } from "./references.ts";

interface CheckParts {
  registry: Registry;
  plugins: Plugins;
  references: References;
}

interface NamedChild {
  /** The text of its manifest. */
  manifest: string;
  /** What its supervisor gives it; null: its manifest's own. */
  initState: Uint8Array | null;
  /** Its supervisor, which has no id yet. */
  parent: { id: string; permissions: Permissions };
}

/** Throws what its birth would. */
export async function checkChild(child: NamedChild, parts: CheckParts): Promise<void> {
  const { registry, plugins } = parts;
  // As at its birth: what a guest may not read is not read to its child, and for a child nothing is fetched.
  const references = parts.references.within(() => Promise.resolve(true));
  const initState = child.initState ?? (await ownState(child.manifest, references));
  if (initState === undefined) return; // in a store: it may fill what the manifest leaves open
  const variables = variablesFor(child.manifest, initState, {});
  const { manifest } = readManifest(child.manifest, registry, variables);
  const { stateBytes } = manifest.limits;
  if (initState !== null && initState.length > stateBytes) {
    const message = `its initial state has ${initState.length} bytes; the state_bytes of its manifest are ${stateBytes}.`;
    throw new TheaterError("too-large", message, { limit: stateBytes });
  }
  const asking = { ...manifest, handlers: await plugins.pin(manifest.handlers) };
  permissionsAtBirth(asking, child.parent, registry);
  const component = await known(manifest.component, references);
  if (component === undefined) return;
  checkFit(asking, component.set.description, plugins.registryFor(registry, asking.handlers));
}

/** The error of one child of a manifest, which says whose it is. */
export function ofChild(name: string, thrown: unknown): TheaterError {
  const { code, message, evidence } = ensureTheaterError(thrown);
  if (code === "internal") return ensureTheaterError(thrown);
  return new TheaterError(code, `[[child]] "${name}": ${message}`, { ...evidence, child: name });
}

async function ownState(
  manifest: string,
  references: References,
): Promise<Uint8Array | null | undefined> {
  const named = readTable(manifest)["init_state"];
  if (typeof named !== "string") return null;
  return isInStore(named) ? undefined : await references.state(named);
}

/** Undefined where it may be another, or there at all, by the time the child is born. */
async function known(reference: string, references: References): Promise<Component | undefined> {
  if (isInStore(reference)) return undefined;
  try {
    return await references.component(reference);
  } catch (thrown) {
    if (["not-found", "host-failure"].includes(ensureTheaterError(thrown).code)) return undefined;
    throw thrown;
  }
}
