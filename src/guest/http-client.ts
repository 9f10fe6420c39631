// `theater/guest/http-client`: HTTP to the hosts that the manifest grants.

import * as host from "theater:simple/http-client";
import { type Body, Message, toBytes } from "./message.ts";

export interface HttpRequest {
  /** GET if not given. */
  readonly method?: string;
  readonly url: string;
  /** Names and values; a name may come more than once. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: Body;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Message | null;
}

/** Any status is a response. Throws what is not granted, too large or too slow, or that nobody answered. */
export function send({ method = "GET", url, headers = [], body }: HttpRequest): HttpResponse {
  const sent = host.sendHttp({
    method,
    uri: url,
    headers,
    body: body === undefined ? null : toBytes(body),
  });
  return { ...sent, body: sent.body === null ? null : new Message(sent.body) };
}
