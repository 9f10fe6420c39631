// Finds requests that wait for each other in a circle, and refuses the one that closes it. Whoever waits and
// has a request of another actor in line follows the waits from there: at once when the request comes, and
// now and then as long as both last, because an actor on the way may have died and come back meanwhile.
//
// A turn that bears, stops or restarts a child waits for that child, and a child for its own children where it
// is told to end or to begin: these are waits like those for an answer.
//
// A turn that waits for nobody and a line without such requests cost nothing.

import { TheaterError } from "../../lib/errors.ts";
import type { ActorRpc } from "../protocol.ts";
import { settled } from "../answers.ts";
import type { Mailbox } from "./mailbox.ts";
import { findCycle, isVictim, type Edge, type Wait } from "./wait-cycle.ts";

const LOOK_MIN_MS = 100;
const LOOK_MAX_MS = 5_000;

/** A wait that ends with its turn. */
interface LiveEdge extends Edge {
  isLive: () => boolean;
}

interface DeadlockParts {
  actor: string;
  /** The supervisor's id. */
  parent: string | null;
  mailbox: Mailbox;
  peer: (id: string) => ActorRpc;
}

export class Deadlocks {
  readonly #parts: DeadlockParts;
  /** Requests of actors that are being answered here, by call id, and how many callers wait for each. */
  readonly #held = new Map<string, number>();
  #edge: LiveEdge | undefined;
  /** How many orders of the supervisor are being carried out here. */
  #obeyed = 0;
  /** How many callers wait for the first turn. */
  #borne = 0;
  /** The orders that children carry out. */
  readonly #ordered = new Set<Edge>();
  #isWatching = false;
  /** Ends the pause between two looks. */
  #wake: () => void = () => undefined;

  constructor(parts: DeadlockParts) {
    this.#parts = parts;
  }

  /** The running turn waits for `edge.to` while `work` lasts. */
  async during<T>(edge: LiveEdge, work: () => Promise<T>): Promise<T> {
    this.#edge = edge;
    this.#look();
    try {
      return await work();
    } finally {
      if (this.#edge === edge) this.#edge = undefined;
      this.#wake();
    }
  }

  /** An actor waits here for the answer to `callId` while `work` lasts. */
  async holding<T>(callId: string, work: () => Promise<T>): Promise<T> {
    this.#held.set(callId, (this.#held.get(callId) ?? 0) + 1);
    const answer = work(); // stands in line from here on, if it comes in line
    this.#look();
    try {
      return await answer;
    } finally {
      const others = (this.#held.get(callId) ?? 1) - 1;
      if (others > 0) this.#held.set(callId, others);
      else this.#held.delete(callId);
    }
  }

  /** `work` is what the supervisor has ordered. */
  async obeying<T>(work: () => Promise<T>): Promise<T> {
    this.#obeyed++;
    try {
      return await work();
    } finally {
      this.#obeyed--;
    }
  }

  /** `work` is this actor's birth: its first turn, whatever becomes of its children. */
  async bearing<T>(work: () => Promise<T>): Promise<T> {
    this.#borne++;
    try {
      return await work();
    } finally {
      this.#borne--;
    }
  }

  /** `work` gives an order to a child and lasts until it is carried out. No turn waits for that by itself. */
  async ordering<T>(to: string, work: () => Promise<T>): Promise<T> {
    const edge = { to, callId: controlId(`${this.#parts.actor}/${crypto.randomUUID()}`) };
    this.#ordered.add(edge);
    try {
      return await work();
    } finally {
      this.#ordered.delete(edge);
    }
  }

  /** For whom this actor waits while it has the request, or carries out the order. */
  waits(callId: string): Wait | null {
    const isOrder = this.#isOrder(callId);
    if (!isOrder && !this.#held.has(callId)) return null;
    // A turn answers whatever its children do; who is told to end or to begin waits for them.
    const [ordered] = isOrder && this.#obeyed > 0 ? this.#ordered : [];
    const edge = this.#live ?? ordered;
    if (edge === undefined) return null;
    const { to, callId: own } = edge;
    return { to, callId: own, queuedMs: this.#parts.mailbox.queuedMs(callId) ?? null };
  }

  /** The supervisor's own: whichever it is, it ends only after what this actor is doing. */
  #isOrder(callId: string): boolean {
    const { parent } = this.#parts;
    const isUnder = this.#obeyed > 0 || this.#borne > 0;
    return isUnder && parent !== null && callId.startsWith(controlId(`${parent}/`));
  }

  get #live(): LiveEdge | undefined {
    return this.#edge?.isLive() === true ? this.#edge : undefined;
  }

  get #mayBeStuck(): boolean {
    return this.#live !== undefined && this.#held.size > 0 && this.#parts.mailbox.holdsCalls;
  }

  #look(): void {
    if (this.#isWatching) this.#wake();
    else if (this.#mayBeStuck) void this.#watch();
  }

  async #watch(): Promise<void> {
    this.#isWatching = true;
    for (let waitMs = LOOK_MIN_MS; this.#mayBeStuck; waitMs = Math.min(waitMs * 2, LOOK_MAX_MS)) {
      const woken = this.#pause(waitMs); // before the look: what comes during it is not missed
      // An actor on the way that does not answer is asked again.
      await this.#refuseOne().catch(() => undefined);
      if (await woken) waitMs = LOOK_MIN_MS;
    }
    this.#isWatching = false;
  }

  /** True where something new ended it. */
  async #pause(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), ms);
    this.#wake = () => resolve(true);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async #refuseOne(): Promise<void> {
    const { actor, mailbox, peer } = this.#parts;
    const edge = this.#live;
    if (edge === undefined) return;
    const ask = async (id: string, callId: string): Promise<Wait | null> =>
      settled(await peer(id).waits(callId));
    const cycle = await findCycle(actor, edge, ask);
    if (cycle === null || this.#live !== edge || !this.#held.has(cycle.callId)) return;
    const queuedMs = mailbox.queuedMs(cycle.callId);
    if (queuedMs === undefined || !isVictim(actor, queuedMs, cycle)) return;
    const through = cycle.hops.map((hop) => hop.actor).join(" → ");
    const message = `this actor waits for ${through}, and so for the turn that asks`;
    mailbox.takeQueued(cycle.callId)?.failed(new TheaterError("request-cycle", message));
  }
}

/** What a wait for a child to be born, down or up is called; `callId` begins with the id of the one that waits. */
export function controlId(callId: string): string {
  return `control:${callId}`;
}
