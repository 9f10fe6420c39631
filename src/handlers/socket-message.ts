// WebSocket messages between WIT and the wire: what a frame is as a value, and what a value is as a frame.

import type { Value } from "../chain/value.ts";
import { fromUtf8, toUtf8 } from "../lib/bytes.ts";

/** What leaves as one text frame, or as one binary frame. */
export type Frame = string | Uint8Array;

/** `websocket-message` of WIT, as a value; `ty` is a map of one case. */
interface Fields {
  ty: Readonly<Record<string, Value>>;
  data: null | readonly [Uint8Array];
  text: null | readonly [string];
}

/** A frame as `handle-websocket-message` gets it. */
export function messageOf(frame: Frame): Value {
  return typeof frame === "string"
    ? { ty: { text: null }, data: null, text: [frame] }
    : { ty: { binary: null }, data: [frame], text: null };
}

/** What a guest's `websocket-message` asks for: a frame, a close, or nothing that can be sent. */
export function readMessage(value: Value): { frame: Frame } | "close" | { problem: string } {
  const { ty: type, data, text } = value as unknown as Fields;
  const [ty] = Object.keys(type);
  if (ty === "close") return "close";
  if (ty === "binary") return { frame: data?.[0] ?? fromUtf8(text?.[0] ?? "") };
  if (ty !== "text") {
    const problem = "bad-message: send text, binary or close; the host sees to pings by itself";
    return { problem };
  }
  if (text !== null || data === null) return { frame: text?.[0] ?? "" };
  try {
    return { frame: toUtf8(data[0]) };
  } catch {
    return { problem: "bad-message: the data of a text message is UTF-8" };
  }
}

/** `socket-message` of WIT, as a frame. */
export function frameOf(value: Value): Frame {
  const message = value as { text: string } | { binary: Uint8Array };
  return "text" in message ? message.text : message.binary;
}

/** On the wire. */
export function bytesIn(frame: Frame): number {
  return typeof frame === "string" ? fromUtf8(frame).length : frame.length;
}
