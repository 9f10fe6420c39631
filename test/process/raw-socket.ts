// A WebSocket by hand: its handshake's headers, and protocol pings, which no client of Node's sends.

import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";

export const UPGRADE = {
  connection: "upgrade",
  upgrade: "websocket",
  "sec-websocket-key": Buffer.from("sixteen bytes!!!").toString("base64"),
  "sec-websocket-version": "13",
};

/** Sends a ping with each of the texts, after `before` it; the bytes that come back to each (RFC 6455 section 5.5). */
export async function pinged(
  url: string,
  texts: readonly string[],
  before: (text: string) => Promise<void>,
): Promise<string[]> {
  const asked = request(url, { headers: UPGRADE });
  asked.end();
  const [, socket] = (await once(asked, "upgrade")) as [unknown, Socket];
  const heard: string[] = [];
  for (const text of texts) {
    await before(text);
    const payload = Buffer.from(text);
    socket.write(Buffer.concat([Buffer.of(0x89, 0x80 | payload.length, 0, 0, 0, 0), payload]));
    const [answer] = (await once(socket, "data")) as [Buffer];
    heard.push(answer.toString("latin1"));
  }
  socket.destroy();
  return heard;
}
