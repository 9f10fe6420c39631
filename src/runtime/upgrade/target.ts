// The version that an upgrade asks for, worked out before anything changes: from a component, a manifest, or the
// version before. Rule: what it may do is worked out anew, as at a birth. An actor with a parent gets no more than
// that one passes on now, a fork no more than it was born with; what was settled at the birth for ever (name, supervision) stays as it is.

import { actorId } from "../../chain/actor-id.ts";
import { digestText } from "../../chain/cid.ts";
import { decodePayload } from "../../chain/payload.ts";
import type { ComponentDescription } from "../../executor/wit-type.ts";
import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import { equalBytes, toUtf8 } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { Permissions } from "../../manifest/permissions.ts";
import { readTable, type ManifestSource } from "../../manifest/toml.ts";
import type { ContentStore } from "../../store/store.ts";
import { reached, settled } from "../answers.ts";
import { readGenesis } from "../birth/genesis.ts";
import { readModuleSet } from "../birth/module-sets.ts";
import { isReference, type References } from "../birth/references.ts";
import { resolveActor } from "../birth/resolve-actor.ts";
import type { ActorRpc } from "../protocol.ts";
import type { AuditReader } from "../record/audit-reader.ts";
import type { UpgradeView } from "./upgrade-input.ts";
import { readUpgrade, type Version } from "./version.ts";

const PAGE_MAX = 1_000;

export interface TargetParts {
  content: ContentStore;
  registry: Registry;
  plugins: Plugins;
  references: References;
  actor: (id: string) => ActorRpc;
}

export interface Wanted {
  /** A reference; null: the manifest's. */
  component: string | null;
  /** TOML, a table or a reference to TOML; null: the one in force. */
  manifest: ManifestSource | null;
  /** What `{{…}}` in it names. */
  variables: Record<string, unknown>;
}

export interface Target {
  version: Omit<Version, "seq">;
  description: ComponentDescription;
}

/** The version in force, as its events say it. */
export function versionOf(view: Pick<UpgradeView, "genesis" | "upgrade">): Omit<Version, "seq"> {
  return view.upgrade === null ? readGenesis(view.genesis) : readUpgrade(view.upgrade);
}

/** Throws what is wrong with the manifest, the component or the two together, and `unsupported`. */
export async function findTarget(
  view: Pick<UpgradeView, "genesis" | "upgrade">,
  wanted: Wanted,
  parts: TargetParts,
): Promise<Target> {
  const { content, references } = parts;
  const now = versionOf(view);
  const genesis = readGenesis(view.genesis);
  const manifest = await sourceOf(wanted, now, parts);
  const parent = genesis.parent === null ? null : await parentOf(genesis.parent.actor, parts);
  const { supervision } = decodePayload("actor.created", view.genesis);
  const resolved = await resolveActor(
    {
      manifest,
      variables: wanted.variables,
      parent,
      references,
      origin:
        genesis.origin === null
          ? undefined
          : { id: actorId(view.genesis), permissions: genesis.permissions },
    },
    parts,
  );
  if (resolved.manifest.name !== genesis.name) {
    const message = `Name the manifest "${genesis.name}": an actor keeps the name that it was born with.`;
    throw new TheaterError("bad-manifest", message, { key: "name" });
  }
  if (resolved.supervision !== supervision) {
    const message =
      "Leave [supervisor], [[child]] and the export supervisor-handlers as they were at the actor's birth: how it " +
      "keeps children is settled there. Start a new actor for another policy.";
    throw new TheaterError("unsupported", message, { key: "supervisor" });
  }
  const { component, permissions } = resolved;
  const { description } = component.set;
  const before = (await readModuleSet(content, now.modules)).description;
  checkStillDriven({ before, description, permissions }, parts.registry);
  return {
    version: {
      manifest: await content.put(resolved.source),
      component: component.digest,
      modules: component.modules,
      permissions,
      limits: resolved.manifest.limits,
    },
    description,
  };
}

/** Throws `wrong-state` for a version that runs already. */
export function requireOther(now: Omit<Version, "seq">, { version }: Target): void {
  const { component, modules, manifest } = version;
  const isSame =
    equalBytes(now.component, component) &&
    equalBytes(now.modules, modules) &&
    equalBytes(now.manifest, manifest);
  if (!isSame) return;
  const message = `The actor runs ${digestText(component)} with this manifest already.`;
  throw new TheaterError("wrong-state", message, { component: digestText(component) });
}

/** The manifest of the version before the one in force. Throws `wrong-state` where there was none before. */
export async function previousManifest(
  id: string,
  view: Pick<UpgradeView, "genesis" | "version">,
  { audit, content }: { audit: AuditReader; content: ContentStore },
): Promise<string> {
  if (view.version === 0) {
    const message = "There is no version to roll back to: the actor runs what it was born with.";
    throw new TheaterError("wrong-state", message);
  }
  let upgrade: Uint8Array | null = null;
  for (let from: number | null = 0; from !== null;) {
    const range = { from, to: view.version - 1, types: ["actor.upgraded"], limit: PAGE_MAX };
    const page: Awaited<ReturnType<typeof audit.page>> = await audit.page(id, range);
    upgrade = page.entries.at(-1)?.payload ?? upgrade;
    from = page.next;
  }
  return await inForce(versionOf({ genesis: view.genesis, upgrade }), content);
}

async function sourceOf(
  { component, manifest }: Wanted,
  now: Omit<Version, "seq">,
  { content, references }: TargetParts,
): Promise<ManifestSource> {
  const given =
    typeof manifest === "string" && isReference(manifest)
      ? await references.manifest(manifest)
      : manifest;
  const source = given ?? (await inForce(now, content));
  return component === null ? source : { ...readTable(source), component };
}

async function inForce({ manifest }: Omit<Version, "seq">, content: ContentStore): Promise<string> {
  const bytes = await content.get(manifest);
  if (bytes !== null) return toUtf8(bytes);
  const message = `The content store lacks the manifest ${digestText(manifest)}: give it with the upgrade.`;
  throw new TheaterError("host-failure", message);
}

/** Also of a parent that is down: what it passes on is in its chain. */
async function parentOf(
  id: string,
  { actor }: TargetParts,
): Promise<{ id: string; permissions: Permissions }> {
  const { genesis, upgrade } = settled(await reached(() => actor(id).parentage()));
  return { id, permissions: versionOf({ genesis, upgrade }).permissions };
}

/** Messages that came for the component before would find nobody. */
function checkStillDriven(
  {
    before,
    description,
    permissions,
  }: { before: ComponentDescription; description: ComponentDescription; permissions: Permissions },
  { handlers }: Registry,
): void {
  const driven = handlers
    .filter(({ type }) => Object.hasOwn(permissions.held, type))
    .flatMap(({ exports }) => exports);
  const has = ({ exports }: ComponentDescription, name: string): boolean =>
    exports.some((one) => one.name === name);
  const lost = driven.find((name) => has(before, name) && !has(description, name));
  if (lost === undefined) return;
  const message = `The component does not export ${lost}, which the one before does: export it, or take its handler from the manifest.`;
  throw new TheaterError("not-an-actor", message, { lacks: [lost] });
}
