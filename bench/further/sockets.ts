// What it takes until a message of one visitor has reached all visitors of an actor: a recorded turn, whose frames leave
// with its commit. The visitors are sockets of this process, and reading theirs is part of the time.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildActor } from "../../src/cli/build-actor.ts";
import { medianMs, type FurtherOptions, type Measurement } from "./measurement.ts";

const VISITORS = 1_000;
const QUICK_VISITORS = 100;
/** Opened at the same moment. */
const OPENING_MAX = 50;
const HEARD_MS_MAX = 30_000;

export async function socketTimes({ bench, isQuick }: FurtherOptions): Promise<Measurement[]> {
  const { component } = await buildActor(join(import.meta.dirname, "../crier"));
  const handler = [
    { type: "http-framework", public_name: "crier", public: true },
    { type: "timing" },
    { type: "runtime" },
  ];
  const manifest = { name: "crier", version: "1", component: await bench.upload(component) };
  await bench.json("POST", "/v1/actors", JSON.stringify({ manifest: { ...manifest, handler } }));
  const visitors = isQuick ? QUICK_VISITORS : VISITORS;
  let heard = 0;
  const sockets: WebSocket[] = [];
  const opened = async (): Promise<void> => {
    const socket = new WebSocket(`${bench.server.url.replace("http", "ws")}/a/crier/live`);
    socket.addEventListener("message", () => heard++);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error("a WebSocket was not opened")));
    });
    sockets.push(socket);
  };
  try {
    const begun = performance.now();
    while (sockets.length < visitors) {
      const step = Math.min(OPENING_MAX, visitors - sockets.length);
      await Promise.all(Array.from({ length: step }, opened));
    }
    const openMs = (performance.now() - begun) / visitors;
    const say = async (): Promise<void> => {
      heard = 0;
      sockets[0]?.send("x".repeat(100));
      const end = performance.now() + HEARD_MS_MAX;
      while (heard < visitors) {
        if (performance.now() > end) throw new Error(`${heard} of ${visitors} heard it`);
        await sleep(1);
      }
    };
    await say();
    const all = await medianMs(isQuick ? 5 : 20, say);
    const count = visitors.toLocaleString("en");
    return [
      {
        id: "sockets.open",
        name: `a WebSocket opened, of ${count} at one actor`,
        value: openMs,
        unit: "ms",
      },
      {
        id: "sockets.all",
        name: `a message of one visitor heard by ${count}`,
        value: all,
        unit: "ms",
      },
    ];
  } finally {
    for (const socket of sockets) socket.close();
  }
}
