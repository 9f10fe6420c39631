// Starts actors: from a manifest to a birth. What can be refused is refused before anything is stored
// under the new actor's name.

import { actorId } from "../../chain/actor-id.ts";
import { digestText } from "../../chain/cid.ts";
import type { Cause, Origin } from "../../chain/event-types.ts";
import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import { mayUseStore } from "../../handlers/store.ts";
import { Link } from "../../chain/value.ts";
import { fromUtf8 } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import type { Permissions } from "../../manifest/permissions.ts";
import { readTable, type ManifestSource } from "../../manifest/toml.ts";
import { variablesFor } from "../../manifest/variables.ts";
import type { LabelledStores } from "../../store/labels.ts";
import { digestOf, type ContentStore } from "../../store/store.ts";
import type { Started, StartInput } from "../actors.ts";
import { reached, settled } from "../answers.ts";
import { hasFamily } from "../children/family.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Log } from "../record/notary.ts";
import { askedFor, type Births } from "./births.ts";
import { composeGenesis, readGenesis } from "./genesis.ts";
import { readUpgrade } from "../upgrade/version.ts";
import type { Known } from "./known.ts";
import { isReference, MANIFEST_BYTES_MAX, type References } from "./references.ts";
import { resolveActor, type ResolvedActor } from "./resolve-actor.ts";

export interface StarterParts {
  log: Log;
  known: Known;
  births: Births;
  content: ContentStore;
  stores: LabelledStores;
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
  /** Whether it is a supervisor by its genesis. */
  keepsChildren?: boolean;
}

export interface ConceiveInput {
  /** TOML, a table, or "sha256:…" or "store://…" of TOML. */
  manifest: ManifestSource;
  /** Null: the manifest's. */
  initState: Uint8Array | null;
  variables?: Record<string, unknown>;
  parent: Parent | null;
  /** Of a fork: where it leaves its origin, and what that may do there. */
  fork?: { origin: Origin; permissions: Permissions };
}

/** An actor that could be born: the same as often as it is created from this. */
export interface Conceived {
  id: string;
  name: string;
  /** "sha256:<hex>". */
  component: string;
  genesis: Uint8Array;
  initState: Uint8Array | null;
}

export class Starter {
  readonly #parts: StarterParts;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  async start(input: StartInput): Promise<Started> {
    const { births, references, actor } = this.#parts;
    const parent = input.parent === null ? null : await this.#parent(input.parent);
    const conceived = await this.#conceive({ ...input, parent }, references);
    const { name, component, initState } = conceived;
    const { manifest } = readGenesis(conceived.genesis);
    const genesis =
      input.idempotency === undefined
        ? conceived.genesis
        : await births.claim(
            input.idempotency,
            askedFor([manifest, initState, input.parent]),
            conceived.genesis,
          );
    const id = actorId(genesis);
    const birth = { genesis, initState, createdMs: Date.now() };
    // A supervisor gives birth itself, or it would not know its child.
    const born =
      parent?.keepsChildren === true
        ? await reached(() => actor(parent.id).adopt(birth))
        : await reached(() => actor(id).create(birth));
    const { head } = settled(born, { id });
    return { id, name, component, head };
  }

  /**
   * All of a birth but the birth itself. Nobody exists by it; what is kept is the manifest, under its digest.
   * A child's manifest reaches the stores that its parent may use and no others: what an actor may not
   * read, it may not have read to its child. Throws what `start` throws.
   */
  async conceive(input: ConceiveInput): Promise<Conceived> {
    const { parent } = input;
    const { references, stores } = this.#parts;
    if (parent === null) return withinLimits(await this.#conceive(input, references));
    const grant = parent.permissions.held["store"];
    const within = async (store: string): Promise<boolean> =>
      grant !== undefined && (await mayUseStore({ actor: parent.id, grant, stores }, store));
    checkSize(input.manifest);
    return withinLimits(await this.#conceive(input, references.within(within)));
  }

  async #conceive(input: ConceiveInput, references: References): Promise<Conceived> {
    const given = input.manifest;
    const source =
      typeof given === "string" && isReference(given) ? await references.manifest(given) : given;
    const initState = input.initState ?? (await namedState(source, references));
    const variables = variablesFor(source, initState, input.variables ?? {});
    const { parent, fork } = input;
    const origin = fork && { id: fork.origin.actor, permissions: fork.permissions };
    const plan = { manifest: source, variables, parent, references, origin };
    const resolved = await resolveActor(plan, this.#parts);
    const genesis = await this.#compose(resolved, { parent, origin: fork?.origin ?? null });
    return {
      id: actorId(genesis),
      name: resolved.manifest.name,
      component: digestText(resolved.component.digest),
      genesis,
      initState,
    };
  }

  /** As the parent's own object knows it: the genesis proves itself by the parent's id. */
  async #parent(id: string): Promise<Parent> {
    const { genesis, upgrade, head, status } = settled(
      await reached(() => this.#parts.actor(id).parentage()),
    );
    assert(actorId(genesis) === id, "an actor's id is made from its genesis");
    if (status !== "running" && status !== "paused") {
      const message = `The parent is ${status}: restart it before it gets a child.`;
      throw new TheaterError("wrong-state", message, { parent: id, status });
    }
    const event = new Link("dag-cbor", head.digest);
    const born = readGenesis(genesis);
    return {
      id,
      permissions: (upgrade === null ? born : readUpgrade(upgrade)).permissions,
      keepsChildren: hasFamily({ ...born, parent: null }),
      cause: { actor: id, seq: head.seq, event },
    };
  }

  async #compose(
    resolved: ResolvedActor,
    { parent, origin }: { parent: Parent | null; origin: Origin | null },
  ): Promise<Uint8Array> {
    const { log } = this.#parts;
    const { manifest, component, source, permissions, supervision } = resolved;
    return composeGenesis({
      log: log.name,
      key: (await log.key())?.publicKey ?? null,
      name: manifest.name,
      manifest: await this.#keep(source),
      component: component.digest,
      modules: component.modules,
      permissions,
      limits: manifest.limits,
      parent: parent?.cause ?? null,
      origin,
      supervision,
    });
  }

  async #keep(manifest: Uint8Array): Promise<Uint8Array> {
    const { known, content } = this.#parts;
    const digest = await digestOf(manifest);
    if (known.hasContent(digest)) return digest;
    await content.putAs(digest, manifest);
    known.noteContent(digest);
    return digest;
  }
}

/** Of a state that somebody else chose. Throws `too-large`. */
function withinLimits(conceived: Conceived): Conceived {
  const { initState, genesis } = conceived;
  const { stateBytes } = readGenesis(genesis).limits;
  if (initState === null || initState.length <= stateBytes) return conceived;
  const message = `The initial state has ${initState.length} bytes; the state_bytes of its manifest are ${stateBytes}.`;
  throw new TheaterError("too-large", message, { limit: stateBytes });
}

/** HTTP has a limit of its own; what a guest writes comes from anywhere. */
function checkSize(manifest: ManifestSource): void {
  if (typeof manifest !== "string") return;
  const { length } = fromUtf8(manifest);
  if (length <= MANIFEST_BYTES_MAX) return;
  const message = `The manifest has ${length} bytes; it may have ${MANIFEST_BYTES_MAX}.`;
  throw new TheaterError("too-large", message, { limit: MANIFEST_BYTES_MAX });
}

async function namedState(
  source: ManifestSource,
  references: References,
): Promise<Uint8Array | null> {
  const named = readTable(source)["init_state"];
  return typeof named === "string" ? await references.state(named) : null;
}
