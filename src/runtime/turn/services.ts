// What the runtime does for handlers during one turn.

import { cidText } from "../../chain/cid.ts";
import type { LedgerEntry } from "../../chain/ledger.ts";
import { Link } from "../../chain/value.ts";
import { err, type ChainView, type HandlerAnswer, type Services } from "../../handlers/handler.ts";
import type { Timers } from "../timers/timers.ts";
import { waitUntil } from "../timers/wait.ts";
import type { Secrets } from "../../handlers/secrets.ts";
import type { LabelledStores } from "../../store/labels.ts";
import { childServices } from "../children/child-services.ts";
import type { Family } from "../children/family.ts";
import { foreignView, VIEW_BYTES_MAX, type ViewRange } from "./foreign-view.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { Asking } from "../mail/asking.ts";
import type { Peers } from "../mail/peers.ts";
import type { ActorRpc } from "../protocol.ts";
import type { TurnActs } from "./turn-parts.ts";

interface ServiceParts {
  journal: Journal;
  history: History;
  stores: LabelledStores;
  variables: ReadonlyMap<string, string>;
  secrets: Secrets;
  fetch: Services["fetch"];
  timers: Timers;
  asking: Asking;
  peer: (id: string) => ActorRpc;
  peers: Peers;
  family: Family | undefined;
  /** The actors whose turns wait for the one that asks. */
  waiting: readonly string[];
}

export function servicesFor(parts: ServiceParts, turn: TurnActs): Services {
  const { journal, stores, variables, secrets, fetch, timers, peers, asking, waiting } = parts;
  const nowMs = (): number => journal.nowMs();
  return {
    stores,
    variables,
    secrets,
    fetch,
    get files() {
      return turn.files;
    },
    get visitor() {
      return turn.visitor?.forTurn(() => journal.ref(turn.intent.seq));
    },
    get site() {
      return turn.site;
    },
    get sockets() {
      return turn.mail.sockets;
    },
    send: async (to, body) => {
      if (await peers.isBorn(to)) return turn.addSend({ to, body });
      return err(`not-found: there is no actor ${to}`);
    },
    request: (to, body, callId) => asking.ask(turn, { to, body, callId, waiting }),
    requests: {
      list: () => turn.mail.listRequests(),
      respond: (id, reply) => turn.mail.respond(id, reply),
      cancel: (id) => turn.mail.cancel(id),
      again: (id, reply) => turn.mail.again(id, reply),
    },
    channels: {
      open: (to, body, callId) => openChannel(parts, turn, { to, body, callId }),
      openAgain: (to, callId, isAccepted) => turn.mail.channels.openAgain(to, callId, isAccepted),
      send: (id, body) => turn.mail.channels.send(turn, id, body),
      close: (id) => turn.mail.channels.close(turn, id),
    },
    children: childServices(parts.family, turn, parts.peer),
    chain: (limit) => newest(parts, limit),
    chainAgain: (recorded) => again(parts, recorded as unknown as ViewRange),
    timers: turn.timers.services({ set: () => timers.all(), nowMs }),
    clock: { nowMs, waitUntil: (ms) => waitUntil(ms, turn.endsMs) },
  };
}

async function openChannel(
  { journal, peer, asking, waiting }: ServiceParts,
  turn: TurnActs,
  opening: { to: string; body: Uint8Array; callId: string },
): Promise<HandlerAnswer> {
  const from = journal.actor;
  const { to, callId } = opening;
  const open = (chain: readonly string[]): Promise<HandlerAnswer> =>
    turn.mail.channels.open(turn, { ...opening, from, waiting: chain, peer });
  return to === from ? await open([]) : await asking.during(turn, { to, callId, waiting }, open);
}

/** Events that a view reads at once, going back from the newest: it stops soon behind what fits. */
const VIEW_STEP = 64;

/** The newest events that fit. Through the history: a guest never sees that some of them are sealed. */
async function newest({ journal, history }: ServiceParts, limit: number): Promise<ChainView> {
  const { seq: to, digest } = journal.head;
  const first = Math.max(0, to - limit + 1);
  let bytes = 0;
  let events: LedgerEntry[] = [];
  for (let end = to; end >= first;) {
    const from = Math.max(first, end - VIEW_STEP + 1);
    const step = await between(history, from, end);
    const over = step.findLastIndex(({ payload }) => {
      bytes += payload.block?.length ?? 0;
      return bytes > VIEW_BYTES_MAX;
    });
    events = [...step.slice(over + 1), ...events];
    if (over !== -1) break;
    end = from - 1;
  }
  const head = cidText(new Link("dag-cbor", digest));
  return viewOf({ from: to - events.length + 1, to, head }, events);
}

/** What a view showed when it was recorded. */
async function again({ history, peer }: ServiceParts, range: ViewRange): Promise<ChainView> {
  if (range.actor !== undefined) return await foreignView(peer(range.actor), range);
  return viewOf(range, await between(history, range.from, range.to));
}

async function between(history: History, from: number, to: number): Promise<LedgerEntry[]> {
  const events: LedgerEntry[] = [];
  for await (const event of history.events(from, to)) events.push(event);
  return events;
}

/** Oldest first. */
function viewOf(range: ViewRange, events: readonly LedgerEntry[]): ChainView {
  return {
    recorded: { ...range },
    events: events.map(({ cid, parent, type, payload, time }) => ({
      digest: cid,
      parent,
      type,
      payload: payload.block ?? new Uint8Array(0),
      time,
    })),
  };
}
