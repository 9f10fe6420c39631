// One actor's chain as the drill knows it: read on from where it stopped, verified as it is read, and
// folded into what the checks ask for. What was read once is never read again but at the end.

import { decodeEvent, type Event } from "../../src/chain/event.ts";
import { parseLine, type Line } from "../../src/chain/ndjson.ts";
import { decodePayload } from "../../src/chain/payload.ts";
import { cidText, parseCid } from "../../src/chain/cid.ts";
import { ChainVerifier } from "../../src/chain/verify.ts";
import type { Value } from "../../src/chain/value.ts";
import { toUtf8 } from "../../src/lib/bytes.ts";
import type { Server } from "./server.ts";

/** An end of the actor, as its own chain has it. */
export interface Stop {
  seq: number;
  reason: string;
  by: string | null;
}

/** A start after its birth. */
export interface Start {
  seq: number;
  by: string | null;
  attempt: number;
}

/** The end of a child, as its supervisor's chain has it. */
export interface Exit {
  child: string;
  head: string;
  size: number;
  reason: string;
}

export interface Decided {
  decision: number;
  action: string;
  /** A start that failed: which, and where the child's chain was then. */
  failedStart: { child: string; seq: number; event: string } | null;
  /** By the children's names: which incarnation is to start. */
  starts: { child: string; incarnation: number }[];
}

interface Head {
  seq: number;
  cid: string;
}

/** Where the actor.started of a birth stands. */
const BIRTH = 1;

export class ChainView {
  readonly id: string;
  readonly stops: Stop[] = [];
  readonly starts: Start[] = [];
  readonly exits: Exit[] = [];
  readonly decided: Decided[] = [];
  /** By an operation's number: how often it was committed, refused, failed. */
  readonly committed = new Map<number, number>();
  readonly refused = new Map<number, number>();
  readonly failed = new Map<number, string>();
  /** Sends that were given up, with why. */
  readonly undelivered: string[] = [];
  /** Messages that wait for the end of their turn: 0 when the actor is quiet. */
  readonly waiting = new Map<number, number | null>();
  /** Since it last began anew, as its state should say. */
  count = 0;
  sum = 0;
  isBegun = false;
  readonly #cids: string[] = [];

  constructor(id: string) {
    this.id = id;
  }

  get length(): number {
    return this.#cids.length;
  }

  cidAt(seq: number): string | undefined {
    return this.#cids[seq];
  }

  /** Takes in what is new, up to a head that was asked for first. Says what is wrong with it. */
  async read(server: Server): Promise<string | null> {
    const head = await headOf(server, this.id);
    const from = this.length;
    if (head.seq < from - 1) return `the chain ends at ${head.seq}, and ${from} events were read`;
    if (head.seq === from - 1) {
      return head.cid === this.#cids.at(-1) ? null : `another event stands at ${head.seq}`;
    }
    const lines = await linesOf(server, this.id, from, head.seq);
    const parent = this.#cids.at(-1);
    const problem = verified(lines, {
      actor: this.id,
      head,
      ...(parent === undefined ? {} : { from: { seq: from, parent: parseCid(parent).digest } }),
    });
    if (problem !== null) return problem;
    for (const line of lines) this.#take(line);
    return null;
  }

  /** Reads it again from the beginning; nothing of it may have changed. */
  async readAgain(server: Server): Promise<string | null> {
    const head = { seq: this.length - 1, cid: this.#cids.at(-1) ?? "" };
    return verified(await linesOf(server, this.id, 0, head.seq), { actor: this.id, head });
  }

  #take({ cid, block, payload }: Line): void {
    this.#cids.push(cid);
    const event = decodeEvent(block);
    if (payload !== null) this.#fold(event, payload);
  }

  #fold({ seq, type }: Event, block: Uint8Array): void {
    if (type === "message.received") {
      const { kind, params } = decodePayload(type, block);
      this.waiting.set(seq, kind === "lifecycle" ? null : operationIn(params));
    } else if (type === "turn.committed") {
      const n = this.#endOf(decodePayload(type, block).message);
      if (n === null) [this.count, this.sum, this.isBegun] = [0, 0, true]; // it began, or began anew
      else this.#count(n);
    } else if (type === "turn.refused") {
      const n = this.#endOf(decodePayload(type, block).message);
      if (n !== null) this.refused.set(n, (this.refused.get(n) ?? 0) + 1);
    } else if (type === "turn.failed") {
      const { message, kind, code } = decodePayload(type, block);
      const n = this.#endOf(message);
      if (n !== null) this.failed.set(n, `${kind}: ${code}`);
    } else if (type === "send.failed") {
      this.undelivered.push(decodePayload(type, block).reason);
    } else {
      this.#foldLife(seq, type, block);
    }
  }

  #count(n: number): void {
    this.count++;
    this.sum += n;
    this.committed.set(n, (this.committed.get(n) ?? 0) + 1);
  }

  #foldLife(seq: number, type: Event["type"], block: Uint8Array): void {
    if (type === "actor.stopped") {
      const { reason, by } = decodePayload(type, block);
      this.stops.push({ seq, reason, by });
    } else if (type === "actor.started") {
      const { by, attempt } = decodePayload(type, block);
      if (seq > BIRTH) this.starts.push({ seq, by, attempt });
    } else if (type === "child.exited") {
      const { child, head, size, reason } = decodePayload(type, block);
      this.exits.push({ child, head: head === null ? "" : cidText(head), size, reason });
    } else if (type === "supervision.decided") {
      const { decision, action, steps, cause } = decodePayload(type, block);
      const failedStart = failedStartIn(cause);
      this.decided.push({ decision, action, failedStart, starts: startsIn(steps) });
    }
  }

  #endOf(message: number): number | null {
    const n = this.waiting.get(message);
    if (n === undefined) throw new Error(`${this.id}: a turn ended of no message, ${message}`);
    this.waiting.delete(message);
    return n;
  }
}

/** The number of the operation that a message tells. */
function operationIn(params: Value): number {
  const body = (params as readonly Value[]).at(-1);
  const { n } = JSON.parse(toUtf8(body as Uint8Array)) as { n: number };
  return n;
}

function failedStartIn(cause: Value): Decided["failedStart"] {
  const { on, child, evidence } = cause as unknown as {
    on: string;
    child: string;
    evidence?: { seq: number; event: string };
  };
  if (on !== "start-failed") return null;
  return { child, seq: evidence?.seq ?? -1, event: evidence?.event ?? "" };
}

function startsIn(steps: Value): Decided["starts"] {
  const each = steps as readonly { do: string; child: string; incarnation: number }[];
  return each.flatMap((step) =>
    step.do === "start" ? [{ child: step.child, incarnation: step.incarnation }] : [],
  );
}

async function headOf(server: Server, id: string): Promise<Head> {
  return JSON.parse(await server.must("GET", `/v1/actors/${id}/chain/head`)) as Head;
}

async function linesOf(server: Server, id: string, from: number, to: number): Promise<Line[]> {
  const path = `/v1/actors/${id}/chain?from=${from}&to=${to}`;
  const text = await server.must("GET", path, { headers: { accept: "application/x-ndjson" } });
  return text.trimEnd().split("\n").map(parseLine);
}

function verified(
  lines: readonly Line[],
  { head, ...expected }: { actor: string; head: Head; from?: { seq: number; parent: Uint8Array } },
): string | null {
  const verifier = new ChainVerifier(expected);
  for (const line of lines) verifier.next(line);
  const { verdict, withheld, firstBad } = verifier.finish(head);
  if (verdict === "broken") return `event ${firstBad?.seq}: ${firstBad?.sentence}`;
  return withheld.length > 0 ? `payloads are missing: ${withheld.join(", ")}` : null;
}
