// The runtime's interface on canned values: what the HTTP mapping is fed with. It keeps a log of calls
// and can be told to refuse.

import { cidText } from "../../src/chain/cid.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { Link } from "../../src/chain/value.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import type { ReplayReport } from "../../src/replay/report.ts";
import type { Actors, ChainQuery, ComponentSummary, TreeNode } from "../../src/runtime/actors.ts";
import type {
  ActorSummary,
  Answer,
  ChainEntry,
  EventRef,
  HttpReply,
  Refusal,
} from "../../src/runtime/protocol.ts";

export const ID = "abcdefghijklmnopqrstuvwxyz234567";
export const DIGEST = `sha256:${"0f".repeat(32)}`;

export function entryAt(seq: number): ChainEntry {
  const block = fromUtf8(`block ${seq}`);
  const cid = cidText(new Link("dag-cbor", sha256(block)));
  return { seq, cid, block, payload: seq % 3 === 2 ? null : fromUtf8(`payload ${seq}`) };
}

export function refAt(seq: number): EventRef {
  return { seq, cid: entryAt(seq).cid };
}

const component: ComponentSummary = {
  component: DIGEST,
  bytes: 4,
  imports: ["theater:simple/runtime"],
  exports: ["theater:simple/actor"],
  actor: { ready: true, lacks: [] },
  modules: DIGEST,
};

const actor: ActorSummary = {
  id: ID,
  name: "tiny",
  component: DIGEST,
  manifest: "bafk",
  status: "running",
  parent: null,
  origin: null,
  handlers: ["runtime"],
  head: refAt(0),
  ledgerSeq: -1,
  turns: 0,
  mailbox: 0,
  stateBytes: null,
  createdMs: 0,
};

const treeNode: TreeNode = {
  id: ID,
  name: "tiny",
  child: null,
  status: "running",
  incarnation: 1,
  starts: 1,
  lastExit: null,
  strategy: null,
  more: false,
  children: [],
};

export class MemoryActors implements Actors {
  readonly calls: { name: string; args: unknown[] }[] = [];
  /** How long the chain is. */
  events = 3;
  /** Events in one page at most, whatever the caller asks for. */
  pageEvents = 1000;
  reply = fromUtf8("pong");
  /** What an actor's own routes answer, and whether they answer everybody. */
  response: Pick<HttpReply, "status" | "headers" | "isChunked"> = {
    status: 200,
    headers: [],
    isChunked: false,
  };
  isPublic = false;
  stateBytes: Uint8Array | null = fromUtf8("state");
  /** What the call with this number (from 1; every call by default) answers instead. */
  refusal: { refusal: Refusal; atCall?: number } | undefined;
  /** What every call throws instead of answering. */
  thrown: Error | undefined;

  argsOf(name: string): unknown[] {
    return this.calls.find((call) => call.name === name)?.args ?? [];
  }

  countOf(name: string): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  #answer<T>(name: string, args: unknown[], value: T): Promise<Answer<T>> {
    this.calls.push({ name, args });
    if (this.thrown !== undefined) return Promise.reject(this.thrown);
    const { refusal, atCall = this.calls.length } = this.refusal ?? {};
    return Promise.resolve(
      refusal !== undefined && this.calls.length === atCall
        ? { ok: false, error: refusal }
        : { ok: true, value },
    );
  }

  upload: Actors["upload"] = (...args) => this.#answer("upload", args, component);
  component: Actors["component"] = (...args) => this.#answer("component", args, component);
  componentWasm: Actors["componentWasm"] = (...args) =>
    this.#answer("componentWasm", args, fromUtf8("\0asm"));
  componentWit: Actors["componentWit"] = (...args) =>
    this.#answer("componentWit", args, "world actor {}");

  start: Actors["start"] = (...args) =>
    this.#answer("start", args, { id: ID, name: "tiny", component: DIGEST, head: refAt(1) });
  http: Actors["http"] = (...args) =>
    this.#answer("http", args, { ...this.response, body: this.reply, event: refAt(2) });
  /** As where a middleware answers: Node has no WebSockets to give. */
  openSocket: Actors["openSocket"] = (...args) => {
    const reply = { ...this.response, body: this.reply, event: refAt(2) };
    return this.#answer("openSocket", args, { reply });
  };
  site: Actors["site"] = (...args) =>
    this.#answer("site", args, { id: ID, isPublic: this.isPublic });
  list: Actors["list"] = (...args) => {
    const { id, name, parent, createdMs } = actor;
    const listing = { id, name, component: DIGEST, status: "running", parent, createdMs };
    return this.#answer("list", args, { actors: [listing], cursor: "next" });
  };
  inspect: Actors["inspect"] = (...args) => this.#answer("inspect", args, actor);
  manifest: Actors["manifest"] = (...args) => this.#answer("manifest", args, 'name = "tiny"');
  tree: Actors["tree"] = (...args) =>
    this.#answer("tree", args, { ...treeNode, children: [{ ...treeNode, child: "worker" }] });
  state: Actors["state"] = (...args) => this.#answer("state", args, this.stateBytes);

  stateAt: Actors["stateAt"] = (...args) =>
    this.#answer("stateAt", args, { state: this.stateBytes, event: refAt(3) });
  turn: Actors["turn"] = (...args) =>
    this.#answer("turn", args, {
      turn: 1,
      message: 2,
      from: 3,
      to: 4,
      end: "turn.committed" as const,
    });
  fork: Actors["fork"] = (...args) =>
    this.#answer("fork", args, {
      id: ID,
      name: "tiny",
      component: DIGEST,
      head: refAt(1),
      origin: { actor: ID, seq: 3 },
    });
  revert: Actors["revert"] = (...args) =>
    this.#answer("revert", args, { event: refAt(5), toSeq: 3, stateBytes: 5 });
  upgrade: Actors["upgrade"] = (...args) =>
    this.#answer("upgrade", args, {
      actor: ID,
      component: DIGEST,
      status: "upgraded" as const,
      event: refAt(5),
      rehearsal: {
        from: 0,
        to: 4,
        turns: { agreed: 1, cut: 0, erased: 0 },
        verdict: "agreed" as const,
      },
      accepted: null,
      head: 4,
    });

  send: Actors["send"] = (...args) => this.#answer("send", args, { event: refAt(2) });
  request: Actors["request"] = (...args) =>
    this.#answer("request", args, { reply: this.reply, event: refAt(4) });
  lifecycle: Actors["lifecycle"] = (...args) =>
    this.#answer("lifecycle", args, { status: "stopped", event: refAt(5) });

  head: Actors["head"] = (...args) => this.#answer("head", args, refAt(this.events - 1));
  chain: Actors["chain"] = (id, query) => this.#answer("chain", [id, query], this.#page(query));
  rehearse: Actors["rehearse"] = (...args) => this.#answer("rehearse", args, this.#replayed());
  replay: Actors["replay"] = (...args) => this.#answer("replay", args, this.#replayed());
  replayTree: Actors["replayTree"] = (...args) => {
    const { next: _, ...actor } = this.#replayed();
    const links = { matched: 2, outside: 0, erased: 0, unchecked: 0, pending: 0 };
    const rest = { links, mismatches: [], more: false, next: null };
    return this.#answer("replayTree", args, {
      root: ID,
      verdict: "verified" as const,
      actors: [actor],
      ...rest,
    });
  };
  #replayed(): ReplayReport {
    return {
      actor: ID,
      verdict: "verified" as const,
      turns: { agreed: 1, cut: 0, erased: 0, foreign: 0 },
      erasedTurns: [],
      difference: null,
      ran: null,
      chain: {
        verdict: "verified" as const,
        actor: ID,
        events: this.events,
        head: refAt(this.events - 1),
        erased: [],
        withheld: [],
        firstBad: null,
      },
      next: null,
    };
  }

  verify: Actors["verify"] = (...args) =>
    this.#answer("verify", args, {
      verdict: "verified" as const,
      actor: ID,
      events: this.events,
      head: refAt(this.events - 1),
      erased: [2],
      withheld: [],
      firstBad: null,
    });

  check: Actors["check"] = (...args) =>
    this.#answer("check", args, {
      actor: ID,
      head: refAt(this.events - 1),
      events: this.events,
      findings: [],
      more: false,
    });

  erase: Actors["erase"] = (...args) =>
    this.#answer("erase", args, { event: refAt(6), complete: true });
  block: Actors["block"] = (...args) => this.#answer("block", args, fromUtf8("block"));

  checkpoint: Actors["checkpoint"] = (...args) => this.#answer("checkpoint", args, "a note\n");
  receipt: Actors["receipt"] = (...args) => this.#answer("receipt", args, "a receipt\n");
  consistency: Actors["consistency"] = (id, from, to) =>
    this.#answer("consistency", [id, from, to], { from, to, hashes: [] });
  tile: Actors["tile"] = (...args) => this.#answer("tile", args, new Uint8Array(32));
  follow: Actors["follow"] = (...args) => this.#answer("follow", args, refAt(this.events - 1));

  content: Actors["content"] = (...args) => this.#answer("content", args, fromUtf8("content"));
  putContent: Actors["putContent"] = (...args) =>
    this.#answer("putContent", args, { cid: refAt(0).cid, digest: DIGEST });
  label: Actors["label"] = (store, label) => {
    const names = label === "none" ? null : { cid: refAt(0).cid, digest: DIGEST };
    return this.#answer("label", [store, label], names);
  };
  setLabel: Actors["setLabel"] = (...args) => this.#answer("setLabel", args, null);
  labels: Actors["labels"] = (...args) => this.#answer("labels", args, ["a", "b/c"]);

  health: Actors["health"] = () => {
    if (this.thrown !== undefined) return Promise.reject(this.thrown);
    return Promise.resolve({ ok: true, ledger: true, content: true, loader: true, bundled: [] });
  };

  #page({ from, to, limit }: ChainQuery): { entries: ChainEntry[]; next: number | null } {
    const last = Math.min(to ?? this.events - 1, this.events - 1);
    const end = Math.min(last + 1, from + Math.min(limit, this.pageEvents));
    const entries = Array.from({ length: Math.max(0, end - from) }, (_, i) => entryAt(from + i));
    return { entries, next: end <= last ? end : null };
  }
}
