// Messages from the command line to an actor.

import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { fromUtf8 } from "../lib/bytes.ts";
import { actorPath } from "./actors.ts";
import { ask, eventOf } from "./client.ts";
import { showBytes } from "./output.ts";
import type { Context } from "./context.ts";
import { saveReceipt } from "./receipt.ts";

export async function send(
  context: Context,
  id: string,
  body: string,
  key: string | undefined,
): Promise<void> {
  const response = await post(context, `${actorPath(id)}/send`, body, key);
  const event = eventOf(response);
  await response.body?.cancel();
  context.output.show({ event }, () => `recorded as ${event?.seq}:${event?.cid}`);
}

export async function request(
  context: Context,
  id: string,
  body: string,
  options: { key?: string; receipt?: string },
): Promise<void> {
  const response = await post(context, `${actorPath(id)}/request`, body, options.key);
  const event = eventOf(response);
  context.output.note(`recorded as ${event?.seq}:${event?.cid}`);
  showBytes(context.output, "reply", new Uint8Array(await response.arrayBuffer()), { event });
  // After the reply is shown: it has been given, whether or not there is a receipt for it.
  if (options.receipt === undefined || event === null) return;
  await saveReceipt(context, id, event.seq, options.receipt);
  context.output.note(`receipt in ${options.receipt}`);
}

/** A literal, or the bytes of `@file`; `@-` is standard input. */
export async function readArgument(argument: string): Promise<Uint8Array> {
  if (argument === "@-") return await buffer(process.stdin);
  return argument.startsWith("@") ? await readFile(argument.slice(1)) : fromUtf8(argument);
}

async function post(
  { connection }: Context,
  path: string,
  body: string,
  key: string | undefined,
): Promise<Response> {
  return await ask(connection, "POST", path, {
    body: await readArgument(body),
    headers: {
      "content-type": "application/octet-stream",
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
  });
}
