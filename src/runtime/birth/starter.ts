// Starts actors: from a manifest to a birth. What can be refused is refused before anything is stored
// under the new actor's name.

import { actorId } from "../../chain/actor-id.ts";
import { digestText } from "../../chain/cid.ts";
import type { Cause } from "../../chain/event-types.ts";
import { sha256 } from "../../chain/hash.ts";
import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import { Link } from "../../chain/value.ts";
import { concat, fromUtf8 } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { checkFit } from "../../manifest/fit.ts";
import { readManifest, type Manifest } from "../../manifest/manifest.ts";
import { permissionsAtBirth, type Permissions } from "../../manifest/permissions.ts";
import { readTable, resolvedManifest } from "../../manifest/toml.ts";
import { variablesFor } from "../../manifest/variables.ts";
import type { ContentStore } from "../../store/store.ts";
import type { Started, StartInput } from "../actors.ts";
import { reached, settled } from "../answers.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Log } from "../record/notary.ts";
import type { Births } from "./births.ts";
import type { Component } from "./components.ts";
import { composeGenesis, readGenesis } from "./genesis.ts";
import type { References } from "./references.ts";

interface StarterParts {
  log: Log;
  births: Births;
  content: ContentStore;
  registry: Registry;
  plugins: Plugins;
  references: References;
  actor: (id: string) => ActorRpc;
}

/** What a child is born under. */
interface Parent {
  id: string;
  permissions: Permissions;
  /** The parent's event from which the child comes. */
  cause: Cause;
}

export class Starter {
  readonly #parts: StarterParts;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  async start(input: StartInput): Promise<Started> {
    const { births, references, registry, plugins, actor } = this.#parts;
    const initState = await this.#initState(input);
    const variables = variablesFor(input.manifest, initState, input.variables ?? {});
    const { manifest, table } = readManifest(input.manifest, registry, variables);
    const parent = input.parent === null ? null : await this.#parent(input.parent);
    const asking = { ...manifest, handlers: await plugins.pin(manifest.handlers) };
    const permissions = permissionsAtBirth(asking, parent, registry);
    const component = await references.component(manifest.component);
    checkFit(asking, component.set.description, plugins.registryFor(registry, asking.handlers));
    const source = fromUtf8(resolvedManifest(table, digestText(component.digest)));
    const composed = await this.#compose({ manifest, component, source, permissions, parent });
    const asked = askedFor([source, initState, input.parent]);
    const genesis =
      input.idempotency === undefined
        ? composed
        : await births.claim(input.idempotency, asked, composed);
    const id = actorId(genesis);
    const birth = { genesis, initState, createdMs: Date.now() };
    const { head } = settled(await reached(() => actor(id).create(birth)), { id });
    return { id, name: manifest.name, component: digestText(component.digest), head };
  }

  async #initState({ manifest, initState }: StartInput): Promise<Uint8Array | null> {
    if (initState !== null) return initState;
    const named = readTable(manifest)["init_state"];
    return typeof named === "string" ? await this.#parts.references.state(named) : null;
  }

  /** As the parent's own object knows it: the genesis proves itself by the parent's id. */
  async #parent(id: string): Promise<Parent> {
    const { genesis, head, status } = settled(
      await reached(() => this.#parts.actor(id).parentage()),
    );
    assert(actorId(genesis) === id, "an actor's id is made from its genesis");
    if (status !== "running" && status !== "paused") {
      const message = `The parent is ${status}: restart it before it gets a child.`;
      throw new TheaterError("wrong-state", message, { parent: id, status });
    }
    const event = new Link("dag-cbor", head.digest);
    return {
      id,
      permissions: readGenesis(genesis).permissions,
      cause: { actor: id, seq: head.seq, event },
    };
  }

  async #compose(born: {
    manifest: Manifest;
    component: Component;
    source: Uint8Array;
    permissions: Permissions;
    parent: Parent | null;
  }): Promise<Uint8Array> {
    const { log, content } = this.#parts;
    const { manifest, component, source, permissions, parent } = born;
    return composeGenesis({
      log: log.name,
      key: (await log.key())?.publicKey ?? null,
      name: manifest.name,
      manifest: await content.put(source),
      component: component.digest,
      modules: component.modules,
      permissions,
      limits: manifest.limits,
      parent: parent?.cause ?? null,
    });
  }
}

/** Digest of what a birth was asked with; each part is told from its absence and from its neighbours. */
function askedFor(parts: readonly (Uint8Array | string | null)[]): Uint8Array {
  const none = Uint8Array.of(0);
  return sha256(
    concat(
      parts.map((part) => {
        if (part === null) return none;
        return concat([Uint8Array.of(1), sha256(typeof part === "string" ? fromUtf8(part) : part)]);
      }),
    ),
  );
}
