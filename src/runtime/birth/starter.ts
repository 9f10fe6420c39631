// Starts actors: from a manifest to a birth. What can be refused is refused before anything is stored
// under the new actor's name.

import { actorId } from "../../chain/actor-id.ts";
import { digestText, parseDigest } from "../../chain/cid.ts";
import { sha256 } from "../../chain/hash.ts";
import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import { concat, fromUtf8 } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { LabelledStores } from "../../store/labels.ts";
import type { ContentStore } from "../../store/store.ts";
import type { Started, StartInput } from "../actors.ts";
import { reached, settled } from "../answers.ts";
import type { Births } from "./births.ts";
import { componentDigest, lacksForActor, type Component, type Components } from "./components.ts";
import { composeGenesis } from "./genesis.ts";
import { parseManifest, resolvedManifest, type Manifest } from "./manifest.ts";
import type { Log } from "../record/notary.ts";
import type { ActorRpc } from "../protocol.ts";

interface StarterParts {
  log: Log;
  births: Births;
  components: Components;
  content: ContentStore;
  stores: LabelledStores;
  registry: Registry;
  plugins: Plugins;
  actor: (id: string) => ActorRpc;
}

export class Starter {
  readonly #parts: StarterParts;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  async start(input: StartInput): Promise<Started> {
    if (input.parent !== null) {
      const message = "Start it without a parent: this version has no supervision yet.";
      throw new TheaterError("unsupported", message);
    }
    const { plugins, registry } = this.#parts;
    const parsed = parseManifest(input.manifest, registry);
    const component = await this.#resolve(parsed.component);
    const manifest = { ...parsed, grants: await plugins.pin(parsed.grants) };
    checkFit(manifest, component, plugins.registryFor(registry, manifest.grants));
    const source = fromUtf8(resolvedManifest(input.manifest, digestText(component.digest)));
    const initState =
      input.initState ?? (manifest.initState === null ? null : fromUtf8(manifest.initState));
    const composed = await this.#compose(manifest, component, source);
    const { births, actor } = this.#parts;
    const asked = sha256(concat([source, Uint8Array.of(0), initState ?? Uint8Array.of(0)]));
    const genesis =
      input.idempotency === undefined
        ? composed
        : await births.claim(input.idempotency, asked, composed);
    const id = actorId(genesis);
    const birth = { genesis, initState, createdMs: Date.now(), parent: null };
    const { head } = settled(await reached(() => actor(id).create(birth)), { id });
    return { id, name: manifest.name, component: digestText(component.digest), head };
  }

  async #compose(
    manifest: Manifest,
    component: Component,
    source: Uint8Array,
  ): Promise<Uint8Array> {
    const { log, content } = this.#parts;
    return composeGenesis({
      log: log.name,
      key: (await log.key())?.publicKey ?? null,
      name: manifest.name,
      manifest: await content.put(source),
      component: component.digest,
      modules: component.modules,
      grants: manifest.grants,
      limits: manifest.limits,
      parent: null,
    });
  }

  /** "sha256:…" or "store://<store>/<label>". */
  async #resolve(reference: string): Promise<Component> {
    const [, store, label] = /^store:\/\/([^/]+)\/(.+)$/.exec(reference) ?? [];
    if (store !== undefined && label !== undefined) {
      const digest = await this.#parts.stores.getByLabel(store, label);
      if (digest === undefined) {
        throw new TheaterError("not-found", `There is no label ${label} in ${store}.`);
      }
      return await this.#parts.components.get(digest);
    }
    if (parseDigest(reference) === undefined) {
      throw new TheaterError(
        "bad-manifest",
        `The server takes component = "sha256:…" or "store://…"; \`theater start\` uploads a file and fills it in.`,
        { key: "component", found: reference },
      );
    }
    return await this.#parts.components.get(componentDigest(reference));
  }
}

/** Throws `not-an-actor` or `missing-handler`. */
function checkFit(manifest: Manifest, component: Component, registry: Registry): void {
  const { description } = component.set;
  const lacks = lacksForActor(description, registry);
  if (lacks.length > 0) {
    throw new TheaterError(
      "not-an-actor",
      `The component cannot run as an actor. ${lacks.join(" ")}`,
      { lacks },
    );
  }
  const { grants } = manifest;
  const missing = registry.neededGrants(description).filter((name) => !Object.hasOwn(grants, name));
  if (missing.length > 0) {
    const tables = missing.map(tableOf).join(", ");
    const message = `The component imports what the manifest does not grant: add ${tables}.`;
    throw new TheaterError("missing-handler", message, { missing });
  }
  registry.checkImports(description); // again: handlers may be others than when it was uploaded
}

function tableOf(grant: string): string {
  const [type, name] = /^([^:]+):(.+)$/.exec(grant)?.slice(1) ?? [];
  return name === undefined
    ? `[[handler]] type = "${grant}"`
    : `[[handler]] type = "${type}", interface = "${name}", service = "…"`;
}
