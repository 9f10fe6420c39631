// How the front door hands a WebSocket upgrade to an actor's object. Only a fetch carries a WebSocket, RPC does not,
// so question and answer travel as a request and a response between the two, which nobody outside sees.

import { fromBase64, fromUtf8, toBase64, toUtf8 } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { Answer, EventRef, HttpInput, WholeReply } from "../protocol.ts";

/** An upgrade for one of an actor's paths; without the headers of the handshake itself. */
export type UpgradeInput = Pick<
  HttpInput,
  "path" | "query" | "headers" | "forwarded" | "principal"
>;

/** One for a channel; whoever asks is known by a token. */
export interface ChannelUpgrade {
  isChannel: true;
  principal: string;
}

/** It is open; `event` ended the turn that opened it, where it took one. Or the actor's own answer instead. */
export type Upgraded = { webSocket: WebSocket; event: EventRef | null } | { reply: WholeReply };

const INPUT = "theater-upgrade";
const EVENT = "theater-event";
const URL = "https://actor/";

/** `actor`: the object. */
export async function askUpgrade(
  actor: Fetcher,
  input: UpgradeInput | ChannelUpgrade,
): Promise<Answer<Upgraded>> {
  return await readUpgradeResponse(await actor.fetch(upgradeRequest(input)));
}

function upgradeRequest(input: UpgradeInput | ChannelUpgrade): Request {
  const given = toBase64(fromUtf8(JSON.stringify(input)));
  return new Request(URL, { headers: { upgrade: "websocket", [INPUT]: given } });
}

export function readUpgradeRequest({ headers }: Request): UpgradeInput | ChannelUpgrade {
  const given = fromBase64(headers.get(INPUT) ?? "");
  if (given === undefined || given.length === 0) {
    throw new TheaterError("bad-request", "Only an upgrade is fetched of an actor's object.");
  }
  return JSON.parse(toUtf8(given)) as UpgradeInput | ChannelUpgrade;
}

/** `client` is the end that goes to the visitor. */
export function upgradeResponse(answer: Answer<Upgraded>): Response {
  if (answer.ok && "webSocket" in answer.value) {
    const { webSocket, event } = answer.value;
    const headers = event === null ? {} : { [EVENT]: JSON.stringify(event) };
    return new Response(null, { status: 101, webSocket, headers });
  }
  if (!answer.ok || !("reply" in answer.value)) return Response.json(answer);
  const { body, ...reply } = answer.value.reply;
  return Response.json({ ok: true, value: { ...reply, body: body && toBase64(body) } });
}

async function readUpgradeResponse(response: Response): Promise<Answer<Upgraded>> {
  const { webSocket, headers } = response;
  if (webSocket !== null) {
    const event = headers.get(EVENT);
    const value = { webSocket, event: event === null ? null : (JSON.parse(event) as EventRef) };
    return { ok: true, value };
  }
  const answer = await response.json<Answer<Omit<WholeReply, "body"> & { body: string | null }>>();
  if (!answer.ok) return answer;
  const { body, ...reply } = answer.value;
  const bytes = body === null ? null : (fromBase64(body) ?? null);
  return { ok: true, value: { reply: { ...reply, body: bytes } } };
}
