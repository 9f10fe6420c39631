// The runtime as the Worker holds it: finds actors, gives birth to them, and reads their chains for
// auditors. Keeps nothing of its own; every answer is a value.

import { actorId } from "../chain/actor-id.ts";
import { cidText, digestText, parseCid, parseDigest } from "../chain/cid.ts";
import { Link } from "../chain/value.ts";
import type { Executor } from "../executor/executor.ts";
import { sha256 } from "../chain/hash.ts";
import { concat, fromUtf8 } from "../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import type { Ledger } from "../chain/ledger.ts";
import { neededHandlers } from "../handlers/registry.ts";
import { LabelledStores } from "../store/labels.ts";
import type { ContentStore } from "../store/store.ts";
import type { Actors, ActorListing, ChainQuery, ComponentSummary, StartInput } from "./actors.ts";
import { AuditReader } from "./audit-reader.ts";
import {
  componentDigest,
  Components,
  lacksForActor,
  summarize,
  type Component,
} from "./components.ts";
import { Births } from "./births.ts";
import { Directory } from "./directory.ts";
import { actorStub, logOf, type Environment } from "./environment.ts";
import { composeGenesis } from "./genesis.ts";
import { healthOf } from "./health.ts";
import { parseManifest, resolvedManifest, type Manifest } from "./manifest.ts";
import type { Report } from "../chain/verify.ts";
import type {
  ActorRpc,
  ActorSummary,
  Answer,
  ChainEntry,
  Consistency,
  EventRef,
  LifecycleChange,
  MessageInput,
  TilePlace,
} from "./protocol.ts";

export interface TheaterParts {
  environment: Environment;
  ledger: Ledger;
  content: ContentStore;
  executor: Executor;
}

export class Theater implements Actors {
  readonly #environment: Environment;
  readonly #content: ContentStore;
  readonly #stores: LabelledStores;
  readonly #directory: Directory;
  readonly #components: Components;
  readonly #births: Births;
  readonly #audit: AuditReader;

  constructor({ environment, ledger, content, executor }: TheaterParts) {
    this.#environment = environment;
    this.#content = content;
    this.#stores = new LabelledStores(environment.LEDGER, content);
    this.#directory = new Directory(environment.LEDGER);
    this.#components = new Components(environment.LEDGER, content, executor);
    this.#births = new Births(environment.LEDGER);
    this.#audit = new AuditReader(ledger, (id) => this.#actor(id));
  }

  upload(bytes: Uint8Array): Promise<Answer<ComponentSummary>> {
    return answer(async () => summarize(await this.#components.upload(bytes)));
  }

  component(digest: string): Promise<Answer<ComponentSummary>> {
    return answer(async () => summarize(await this.#components.get(componentDigest(digest))));
  }

  componentWasm(digest: string): Promise<Answer<Uint8Array>> {
    return answer(async () => await this.#components.wasm(componentDigest(digest)));
  }

  componentWit(digest: string): Promise<Answer<string>> {
    return answer(async () => await this.#components.wit(componentDigest(digest)));
  }

  start(
    input: StartInput,
  ): Promise<Answer<{ id: string; name: string; component: string; head: EventRef }>> {
    return answer(async () => {
      if (input.parent !== null) {
        throw new TheaterError(
          "unsupported",
          "Start it without a parent: this version has no supervision yet.",
        );
      }
      const manifest = parseManifest(input.manifest);
      const component = await this.#resolve(manifest.component);
      checkFit(manifest, component);
      const source = resolvedManifest(input.manifest, digestText(component.digest));
      const log = logOf(this.#environment);
      const composed = composeGenesis({
        log: log.name,
        key: (await log.key())?.publicKey ?? null,
        name: manifest.name,
        manifest: await this.#content.put(fromUtf8(source)),
        component: component.digest,
        modules: component.modules,
        grants: manifest.grants,
        limits: manifest.limits,
        parent: null,
      });
      const initState =
        input.initState ?? (manifest.initState === null ? null : fromUtf8(manifest.initState));
      const asked = sha256(
        concat([fromUtf8(source), Uint8Array.of(0), initState ?? Uint8Array.of(0)]),
      );
      const { idempotency } = input;
      const genesis =
        idempotency === undefined
          ? composed
          : await this.#births.claim(idempotency, asked, composed);
      const id = actorId(genesis);
      const birth = { genesis, initState, createdMs: Date.now(), parent: null };
      const { head } = settled(await this.#actor(id).create(birth), { id });
      return { id, name: manifest.name, component: digestText(component.digest), head };
    });
  }

  /** "sha256:…" or "store://<store>/<label>". */
  async #resolve(reference: string): Promise<Component> {
    const [, store, label] = /^store:\/\/([^/]+)\/(.+)$/.exec(reference) ?? [];
    if (store !== undefined && label !== undefined) {
      const digest = await this.#stores.getByLabel(store, label);
      if (digest === undefined) {
        throw new TheaterError("not-found", `There is no label ${label} in ${store}.`);
      }
      return await this.#components.get(digest);
    }
    if (parseDigest(reference) === undefined) {
      throw new TheaterError(
        "bad-manifest",
        `The server takes component = "sha256:…" or "store://…"; \`theater start\` uploads a file and fills it in.`,
        { key: "component", found: reference },
      );
    }
    return await this.#components.get(componentDigest(reference));
  }

  list(query: {
    status: string | null;
    parent: string | null;
    cursor: string | null;
    limit: number;
  }): Promise<Answer<{ actors: ActorListing[]; cursor: string | null }>> {
    return answer(async () => {
      const { status, parent, cursor, limit } = query;
      const page = await this.#directory.list({
        limit,
        ...(status === null ? {} : { status }),
        ...(parent === null ? {} : { parent }),
        ...(cursor === null ? {} : { cursor }),
      });
      const actors = page.actors.map((entry) => ({
        id: entry.id,
        name: entry.name,
        component: digestText(entry.component),
        status: entry.status,
        parent: entry.parent,
        createdMs: entry.createdMs,
      }));
      return { actors, cursor: page.cursor ?? null };
    });
  }

  inspect(id: string): Promise<Answer<ActorSummary>> {
    return reached(() => this.#actor(id).inspect());
  }

  manifest(id: string): Promise<Answer<string>> {
    return answer(async () => {
      const { manifest } = settled(await this.#actor(id).inspect());
      return new TextDecoder().decode(await this.#contentOf(componentDigest(manifest)));
    });
  }

  state(id: string): Promise<Answer<Uint8Array | null>> {
    return reached(() => this.#actor(id).state());
  }

  send(id: string, message: MessageInput): Promise<Answer<{ event: EventRef }>> {
    return reached(() => this.#actor(id).send(message));
  }

  request(
    id: string,
    message: MessageInput,
  ): Promise<Answer<{ reply: Uint8Array | null; event: EventRef }>> {
    return reached(() => this.#actor(id).request(message));
  }

  lifecycle(
    id: string,
    change: LifecycleChange,
    principal: string,
    key: string | null,
  ): Promise<Answer<{ status: string; event: EventRef }>> {
    return reached(() => this.#actor(id).change(change, principal, key));
  }

  head(id: string): Promise<Answer<EventRef>> {
    return answer(async () => await this.#audit.head(id));
  }

  chain(
    id: string,
    query: ChainQuery,
  ): Promise<Answer<{ entries: ChainEntry[]; next: number | null }>> {
    return answer(async () => await this.#audit.page(id, query));
  }

  verify(id: string): Promise<Answer<Report>> {
    return answer(async () => await this.#audit.verify(id));
  }

  checkpoint(id: string): Promise<Answer<string>> {
    return reached(() => this.#actor(id).checkpoint());
  }

  receipt(id: string, seq: number): Promise<Answer<string>> {
    return reached(() => this.#actor(id).receipt(seq));
  }

  consistency(id: string, from: number, to: number): Promise<Answer<Consistency>> {
    return reached(() => this.#actor(id).consistency(from, to));
  }

  tile(id: string, place: TilePlace): Promise<Answer<Uint8Array>> {
    return reached(() => this.#actor(id).tile(place));
  }

  follow(id: string, after: number, waitMs: number): Promise<Answer<EventRef>> {
    return reached(() => this.#actor(id).follow(after, waitMs));
  }

  content(cid: string): Promise<Answer<Uint8Array>> {
    return answer(async () => await this.#contentOf(parseCid(cid).digest));
  }

  async #contentOf(digest: Uint8Array): Promise<Uint8Array> {
    const bytes = await this.#content.get(digest);
    if (bytes === null) {
      throw new TheaterError("not-found", `There is no content ${digestText(digest)}.`);
    }
    return bytes;
  }

  putContent(
    store: string,
    bytes: Uint8Array,
    label: string | null,
  ): Promise<Answer<{ cid: string; digest: string }>> {
    return answer(async () => {
      if ((await this.#stores.owner(store)) === undefined) await this.#stores.create(store, "");
      const digest =
        label === null
          ? await this.#stores.put(store, bytes)
          : await this.#stores.putAtLabel(store, label, bytes);
      return named(digest);
    });
  }

  label(store: string, label: string): Promise<Answer<{ cid: string; digest: string } | null>> {
    return answer(async () => {
      const digest = await this.#stores.getByLabel(store, label);
      return digest === undefined ? null : named(digest);
    });
  }

  setLabel(store: string, label: string, digest: string): Promise<Answer<null>> {
    return answer(async () => {
      await this.#stores.label(store, label, componentDigest(digest));
      return null;
    });
  }

  labels(store: string): Promise<Answer<string[]>> {
    return answer(async () => await this.#stores.listLabels(store));
  }

  health(): Promise<{ ok: boolean; ledger: boolean; content: boolean; loader: boolean }> {
    return healthOf(this.#environment);
  }

  #actor(id: string): ActorRpc {
    return actorStub(this.#environment, id);
  }
}

/** Throws `not-an-actor` or `missing-handler`. */
function checkFit(manifest: Manifest, component: Component): void {
  const { description } = component.set;
  const lacks = lacksForActor(description);
  if (lacks.length > 0) {
    throw new TheaterError(
      "not-an-actor",
      `The component cannot run as an actor. ${lacks.join(" ")}`,
      { lacks },
    );
  }
  const missing = neededHandlers(description).filter((type) => !(type in manifest.grants));
  if (missing.length > 0) {
    const tables = missing.map((type) => `[[handler]] type = "${type}"`).join(", ");
    const message = `The component imports what the manifest does not grant: add ${tables}.`;
    throw new TheaterError("missing-handler", message, { missing });
  }
}

function named(digest: Uint8Array): { cid: string; digest: string } {
  return { cid: cidText(new Link("raw", digest)), digest: digestText(digest) };
}

/** The value, or the refusal thrown again, with more evidence. */
function settled<T>(given: Answer<T>, evidence: Record<string, unknown> = {}): T {
  if (given.ok) return given.value;
  throw new Refused(given.error, evidence);
}

class Refused extends TheaterError {
  readonly event: EventRef | undefined;

  constructor(
    { code, message, evidence, event }: Extract<Answer<never>, { ok: false }>["error"],
    more: object,
  ) {
    super(code, message, { ...evidence, ...more });
    this.event = event;
  }
}

async function answer<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    const error = ensureTheaterError(thrown);
    const { code, message, evidence } = error;
    const event = error instanceof Refused ? error.event : undefined;
    return {
      ok: false,
      error: {
        code,
        message,
        ...(evidence && { evidence: { ...evidence } }),
        ...(event && { event }),
      },
    };
  }
}

/** An RPC that throws says only that the connection broke: the object answers in values. */
async function reached<T>(call: () => Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await call();
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.message : String(thrown);
    const message =
      "The connection to the actor broke: repeat with the same Idempotency-Key to learn the outcome.";
    return { ok: false, error: { code: "outcome-unknown", message, evidence: { cause } } };
  }
}
