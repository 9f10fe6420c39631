// `theater/guest/message-server`: messages to other actors.

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
