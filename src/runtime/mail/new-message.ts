// A message as it comes in, before it has a place in the chain.

import type { MessageKind } from "../../chain/event-types.ts";
import { Link, type Value } from "../../chain/value.ts";
import { toHex } from "../../lib/bytes.ts";
import { assert } from "../../lib/errors.ts";
import type { MessageInput } from "../protocol.ts";
import type { Message } from "../turn/turn-parts.ts";

type Sender = Pick<MessageInput, "from" | "body" | "cause" | "waiting" | "deadlineMs">;

/** `params`: the arguments of the export `about`, behind the state. */
export function newMessage(
  kind: MessageKind,
  about: string,
  { from, body, cause, waiting = [], deadlineMs }: Sender,
  params: readonly Value[],
): Message {
  assert(body instanceof Uint8Array, "a message's body is bytes");
  const random = crypto.getRandomValues(new Uint8Array(48));
  const [id, seed] = [toHex(random.subarray(0, 16)), random.slice(16)];
  const origin =
    cause === undefined
      ? null
      : { actor: from, seq: cause.seq, event: new Link("dag-cbor", cause.event) };
  const sender = { from, cause: origin, waiting, ...(deadlineMs !== undefined && { deadlineMs }) };
  return { id, kind, about, params, seed, seq: null, key: null, ...sender };
}
