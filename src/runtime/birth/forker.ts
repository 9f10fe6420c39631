// Forks: gives birth to an actor that goes on from an event of another one's chain. The past is linked and not
// copied: the genesis names the event and, where the log signs, a root of the tree that it is in. What is copied is
// the state of then, into the fork's own `actor.started`.
//
// Rule: a fork is started like any actor, and never gets more than its origin had. What the origin has under way
// (messages, timers, open requests, channels, children, files) stays the origin's.
//
// Each step can be repeated under one Idempotency-Key: the genesis is noted before the birth, and a birth may be
// repeated, so that a crash in between neither loses a fork nor makes a second one.

import { actorId } from "../../chain/actor-id.ts";
import { digestText } from "../../chain/cid.ts";
import type { Origin } from "../../chain/event-types.ts";
import { Link } from "../../chain/value.ts";
import { toUtf8 } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import type { Permissions } from "../../manifest/permissions.ts";
import { readTable } from "../../manifest/toml.ts";
import type { ContentStore } from "../../store/store.ts";
import type { Forked, ForkInput } from "../actors.ts";
import { reached, settled } from "../answers.ts";
import type { ActorRpc, ForkPoint } from "../protocol.ts";
import { readUpgrade } from "../upgrade/version.ts";
import { askedFor, type Births } from "./births.ts";
import { readGenesis } from "./genesis.ts";
import type { Starter } from "./starter.ts";

interface ForkerParts {
  starter: Starter;
  births: Births;
  content: ContentStore;
  actor: (id: string) => ActorRpc;
}

export class Forker {
  readonly #parts: ForkerParts;

  constructor(parts: ForkerParts) {
    this.#parts = parts;
  }

  /** Throws what a start throws, and what `ActorRpc.forkPoint` does. */
  async fork(id: string, input: ForkInput): Promise<Forked> {
    const { births, starter, actor } = this.#parts;
    const { at, component, name, idempotency } = input;
    const point = settled(await reached(() => actor(id).forkPoint(at)));
    const { manifest, permissions } = inForce(id, point);
    const table = readTable(await this.#manifest(manifest));
    const conceived = await starter.conceive({
      manifest: {
        ...table,
        ...(component === null ? {} : { component }),
        ...(name === null ? {} : { name }),
      },
      initState: point.state,
      parent: null,
      fork: { origin: originOf(id, at, point), permissions },
    });
    const asked = askedFor(["fork", id, String(at), component, name]);
    const genesis =
      idempotency === undefined
        ? conceived.genesis
        : await births.claim(idempotency, asked, conceived.genesis);
    const born = readGenesis(genesis);
    const birth = { genesis, initState: point.state, createdMs: Date.now(), asIs: true };
    const fork = actorId(genesis);
    const { head } = settled(await reached(() => actor(fork).create(birth)), { id: fork });
    return {
      id: fork,
      name: born.name,
      component: digestText(born.component),
      head,
      origin: { actor: id, seq: at },
    };
  }

  async #manifest(digest: Uint8Array): Promise<string> {
    const bytes = await this.#parts.content.get(digest);
    if (bytes !== null) return toUtf8(bytes);
    const message = `The content store lacks the origin's manifest ${digestText(digest)}: restore it from a backup.`;
    throw new TheaterError("host-failure", message);
  }
}

/** What the origin's own chain says of it at that point: its genesis, or its newest upgrade until then. */
function inForce(
  id: string,
  { genesis, upgraded }: ForkPoint,
): { manifest: Uint8Array; permissions: Permissions } {
  assert(actorId(genesis) === id, "an actor's id is made from its genesis");
  if (upgraded === null) return readGenesis(genesis);
  return readUpgrade(upgraded);
}

function originOf(actor: string, seq: number, { event, size, root }: ForkPoint): Origin {
  return { actor, seq, event: new Link("dag-cbor", event), size, root };
}
