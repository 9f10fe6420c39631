// `theater/guest/message-server`: messages to other actors, answers to earlier requests, and channels.

import * as host from "theater:simple/message-server-host";
import { type Body, Message, toBytes } from "./message.ts";

/** Sends a message once the turn has succeeded. Throws where no such message can be sent. */
export function send(actorId: string, body: Body): void {
  host.send(actorId, toBytes(body));
}

/** Sends a message and waits for the answer. Throws the other actor's own error. */
export function request(actorId: string, body: Body): Message {
  return new Message(host.request(actorId, toBytes(body)));
}

/** The ids of requests that wait for an answer, oldest first. */
export function outstandingRequests(): string[] {
  return host.listOutstandingRequests();
}

/** Answers a request that an earlier turn left open. Throws if nobody waits for it. */
export function respondToRequest(requestId: string, body: Body): void {
  host.respondToRequest(requestId, toBytes(body));
}

/** Gives up a request that an earlier turn left open. Throws if nobody waits for it. */
export function cancelRequest(requestId: string): void {
  host.cancelRequest(requestId);
}

/**
 * Asks an actor to open a channel and waits for its decision; its `onChannelOpen` gets the message. Returns
 * the channel's id. Throws what the other actor says where it refuses.
 */
export function openChannel(actorId: string, body: Body): string {
  return host.openChannel(actorId, toBytes(body));
}

/** Says something on a channel once the turn has succeeded. Throws if it is closed, or `channel-full…`. */
export function sendOnChannel(channelId: string, body: Body): void {
  host.sendOnChannel(channelId, toBytes(body));
}

/** Closes a channel for both sides once the turn has succeeded. Throws if it is closed already. */
export function closeChannel(channelId: string): void {
  host.closeChannel(channelId);
}
