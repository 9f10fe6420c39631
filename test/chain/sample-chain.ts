// A chain that holds every type of event once, with fixed salts and times: the same bytes on each run.

import { actorId } from "../../src/chain/actor-id.ts";
import { cidText } from "../../src/chain/cid.ts";
import type { EventType, Payloads } from "../../src/chain/event-types.ts";
import { encodeEvent } from "../../src/chain/event.ts";
import { sha256 } from "../../src/chain/hash.ts";
import type { Line } from "../../src/chain/ndjson.ts";
import { encodePayload, type RawBlock } from "../../src/chain/payload.ts";
import { Link } from "../../src/chain/value.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";

const START = 1_700_000_000_000;
const LONG_TEXT = "a".repeat(64 * 1024 + 1);

export const digestOf = (text: string): Uint8Array => sha256(fromUtf8(text));
export const rawLink = (text: string): Link => new Link("raw", digestOf(text));
export const saltOf = (text: string): Uint8Array => digestOf(`salt ${text}`).slice(0, 16);

export class ChainBuilder {
  readonly lines: Line[] = [];
  readonly raw: RawBlock[] = [];
  actor = "";
  #parent: Link | null = null;

  add<T extends EventType>(
    type: T,
    fields: Payloads[T],
    options: { about?: string; turn?: number; time?: number } = {},
  ): this {
    const seq = this.lines.length;
    const payload = encodePayload(type, fields, saltOf(String(seq)));
    if (seq === 0) this.actor = actorId(payload.block);
    const { about = "", turn = 0, time = START + seq } = options;
    const event = encodeEvent({
      v: 1,
      seq,
      time,
      turn,
      type,
      about,
      actor: this.actor,
      parent: this.#parent,
      payload: new Link("dag-cbor", payload.digest),
    });
    this.#parent = new Link("dag-cbor", event.digest);
    const cid = cidText(this.#parent);
    this.lines.push({ seq, cid, block: event.block, payload: payload.block });
    this.raw.push(...payload.raw);
    return this;
  }

  head(): { seq: number; cid: string } {
    const { seq = -1, cid = "" } = this.lines.at(-1) ?? {};
    return { seq, cid };
  }

  received(kind: "send" | "request", turn: number, params: string): this {
    const [id, seed] = [`n-${this.lines.length}`, digestOf(`seed ${turn}`)];
    const fields = { id, kind, from: "ops", cause: null, params: { body: params }, seed };
    return this.add("message.received", fields, { about: kind, turn });
  }
}

const RUNTIME = { host: "0.1.0", transpiler: "1.35.0", wit: "theater:simple@0.1.0" };

export function genesis(name: string): Payloads["actor.created"] {
  return {
    log: "theater.example",
    key: digestOf("key"),
    name,
    manifest: rawLink("manifest"),
    component: rawLink("component"),
    modules: rawLink("modules"),
    runtime: RUNTIME,
    grants: [{ type: "runtime" }],
    limits: { fuel: 1_000_000n, turnMs: 5_000 },
    shard: 0,
    parent: null,
    origin: null,
    supervision: null,
  };
}

/** Seqs 9 and 12 are erased (by the event at 15, which also names the unerasable 0). */
export const ERASED = [9, 12];

export function sampleChain(): ChainBuilder {
  const chain = new ChainBuilder()
    .add("actor.created", genesis("sample"))
    .add("actor.started", { reason: "created", attempt: 1, by: null, state: null });
  addTurns(chain);
  addLifecycle(chain);
  return chain;
}

/** The sample, which is in the vectors and stays as it is, and behind it the types that came later. */
export function fullChain(): ChainBuilder {
  const chain = sampleChain();
  const reply = [rawLink("reply")];
  return chain
    .add("request.settled", { message: 2, turn: 3, outcome: "answered", reply })
    .add("channel.closed", { channel: "ch_1", peer: chain.actor, by: "peer", reason: "closed" });
}

function addTurns(chain: ChainBuilder): void {
  const about = "theater:simple/message-server-host#request";
  const links = { actor: chain.actor, seq: 1, event: new Link("dag-cbor", digestOf("cause")) };
  chain
    .received("request", 1, "hello")
    .add("instance.created", { reason: "warm" }, { turn: 1 })
    .add(
      "host.called",
      { args: ["greeting", 2n ** 63n], outcome: "returned", result: { ok: [-1, null, [true]] } },
      { about: "theater:simple/store#get-by-label", turn: 1 },
    )
    .add("host.intended", { args: [chain.actor, digestOf("x")], key: "k/1/1" }, { about, turn: 1 })
    .add(
      "host.returned",
      { intent: 5, outcome: "denied", result: { err: "not granted" } },
      { about, turn: 1 },
    )
    .add(
      "turn.committed",
      { message: 2, state: [rawLink("state 1")], result: { ok: "hi" }, sends: [["peer", 1]] },
      { turn: 1 },
    )
    .add("send.failed", { turn: 1, index: 0, reason: "the peer is gone" })
    .received("send", 2, LONG_TEXT)
    .add("turn.refused", { message: 9, error: "no" }, { turn: 2 })
    .add(
      "message.received",
      { id: "t-1", kind: "timer", from: null, cause: links, params: null, seed: null },
      { about: "timer", turn: 3 },
    )
    .add("turn.failed", { message: 11, kind: "trap", code: "unreachable" }, { turn: 3 });
}

function addLifecycle(chain: ChainBuilder): void {
  const [root, child] = [digestOf("root"), chain.actor];
  const upgrade = { component: rawLink("component 2"), modules: rawLink("modules 2") };
  chain
    .add("child.exited", { child, head: rawLink("h"), size: 3, root, reason: "stopped" })
    .add("supervision.decided", {
      decision: 2,
      cause: { on: "exit", child: "worker", kind: "trap" },
      strategy: "one-for-one",
      action: "restart",
      reason: '"worker" ended (trap): restart 1 of 3 in 60000 ms',
      children: [child],
      steps: [{ do: "start", child: "worker", incarnation: 2, from: "last-state", notBeforeMs: 0 }],
      window: [1_700_000_000_000],
    })
    .add("payload.erased", { seqs: [0, ...ERASED], reason: "request of the person", by: "dpo" })
    .add("actor.paused", { by: "ops" })
    .add("actor.resumed", { by: "ops" })
    .add("actor.upgraded", {
      by: "ops",
      ...upgrade,
      manifest: rawLink("manifest 2"),
      grants: { held: {}, inheritable: {} },
      limits: {},
      runtime: RUNTIME,
      rehearsal: { from: 0, to: 12, turns: { agreed: 3, cut: 0, erased: 0 }, verdict: "agreed" },
      accepted: null,
    })
    .add("actor.migrated", { state: [digestOf("state 2")] })
    .add("actor.reverted", {
      toSeq: 7,
      by: "ops",
      reason: "bad upgrade",
      state: [digestOf("state 1")],
    })
    .add("actor.recovered", { reason: "ledger-behind", lostFrom: null, evidence: { from: 5 } })
    .add("log.rekeyed", { old: digestOf("key"), new: digestOf("key 2") })
    .add("admin.acted", { who: "ops", action: "stop", target: chain.actor, outcome: "ok" })
    .add("actor.stopped", { reason: "asked", by: "ops", data: null });
}
