// What the runtime does for `theater:simple/supervisor` during one turn: only ever for one's own children.

import { cidText } from "../../chain/cid.ts";
import { Link } from "../../chain/value.ts";
import { failed, ok, returned, type HandlerAnswer, type Services } from "../../handlers/handler.ts";
import { shownEvents } from "../../handlers/supervisor.ts";
import { ensureTheaterError } from "../../lib/errors.ts";
import { reached } from "../answers.ts";
import type { ActorRpc } from "../protocol.ts";
import { newestForeign } from "../turn/foreign-view.ts";
import type { TurnActs } from "../turn/turn-parts.ts";
import { notAChild } from "./commands.ts";
import type { Family } from "./family.ts";

/** Events of a child that one call shows, the newest ones. */
const CHILD_EVENTS_MAX = 1_000;

export function childServices(
  family: Family | undefined,
  turn: TurnActs,
  peer: (id: string) => ActorRpc,
): Services["children"] {
  if (family === undefined) return CHILDLESS;
  const isLive = (): boolean => turn.isOpen;
  const spawn = (
    manifest: string,
    { initState, asIs, callId }: { initState: Uint8Array | null; asIs: boolean; callId: string },
  ): Promise<HandlerAnswer> => {
    const { turn: number, intent } = turn;
    return family.spawn({ manifest, initState, asIs, callId, turn: number, intent, isLive });
  };
  return {
    spawn: (manifest, initState, callId) => spawn(manifest, { initState, asIs: false, callId }),
    resume: (manifest, state, callId) => spawn(manifest, { initState: state, asIs: true, callId }),
    list: () => family.list(),
    stop: (id, callId) => family.commands.ofGuest("stop-child", id, { callId, isLive }),
    restart: (id, callId) => family.commands.ofGuest("restart-child", id, { callId, isLive }),
    state: async (id) => {
      if (!family.isChild(id)) return notAChild(id);
      const answer = await reached(() => peer(id).state());
      return answer.ok ? ok(answer.value === null ? null : [answer.value]) : unanswered(answer);
    },
    events: async (id) => (family.isChild(id) ? await childEvents(id, peer(id)) : notAChild(id)),
  };
}

interface Unanswered {
  error: { code: string; message: string };
}

async function childEvents(id: string, child: ActorRpc): Promise<HandlerAnswer> {
  const answer = await reached(() => child.parentage());
  if (!answer.ok) return unanswered(answer);
  const { seq: newest, digest } = answer.value.head;
  const head = cidText(new Link("dag-cbor", digest));
  try {
    const limit = CHILD_EVENTS_MAX;
    return shownEvents(await newestForeign(child, { id, newest, head, limit }));
  } catch (thrown) {
    return unanswered({ error: ensureTheaterError(thrown) });
  }
}

function unanswered({ error: { code, message } }: Unanswered): HandlerAnswer {
  return failed(`${code}: ${message}`);
}

const refused = (): Promise<HandlerAnswer> =>
  Promise.resolve(failed("unsupported: this actor was born without the handler supervisor"));

const CHILDLESS: Services["children"] = {
  spawn: refused,
  resume: refused,
  list: () => returned([]),
  stop: refused,
  restart: refused,
  state: refused,
  events: refused,
};
