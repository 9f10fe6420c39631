// A message as an actor sees it: bytes, and the two readings of them that actors mostly want.

import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** What can be sent: text goes as UTF-8. */
export type Body = string | Uint8Array;

export class Message {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Throws if the bytes are not UTF-8. */
  text(): string {
    return decodeUtf8(this.bytes, true);
  }

  /** Throws if the bytes are not JSON. */
  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch {
      throw new Error("the message is not JSON");
    }
  }
}

export function toBytes(body: Body): Uint8Array {
  return typeof body === "string" ? encodeUtf8(body) : body;
}
