/* oxlint-disable no-console -- console is what is tested */
// An actor for `test/guest/sdk.test.ts`: a request names a probe and carries its arguments as JSON.

import { defineActor } from "theater/guest";
import { request, send } from "theater/guest/message-server";
import { getChain, shutdown } from "theater/guest/runtime";
import { Store, createStore } from "theater/guest/store";
import {
  childEvents,
  childState,
  listChildren,
  restartChild,
  resume,
  spawn,
  stopChild,
} from "theater/guest/supervisor";

const probes: Record<string, (...args: never[]) => unknown> = {
  encode: (text: string) => [...new TextEncoder().encode(text)],
  decode: (bytes: number[], fatal: boolean) =>
    new TextDecoder("utf-8", { fatal, ignoreBOM: false }).decode(Uint8Array.from(bytes)),
  decodeLatin: () => new TextDecoder("latin1"),
  decodeStream: () => new TextDecoder().decode(Uint8Array.of(65), { stream: true }),
  bom: () => [
    new TextDecoder().decode(Uint8Array.of(0xef, 0xbb, 0xbf, 65)).length,
    new TextDecoder("utf8", { fatal: false, ignoreBOM: true }).decode(
      Uint8Array.of(0xef, 0xbb, 0xbf, 65),
    ).length,
  ],
  encodeInto: () => {
    const target = new Uint8Array(4);
    return [new TextEncoder().encodeInto("aé€", target), [...target]];
  },
  base64: () => [btoa("theater"), atob("dGhlYXRlcg==")],
  log: () => {
    console.log("plain", 1, null, undefined, { a: [1] }, 10n);
    console.error(new TypeError("bad"));
    const loop: { self?: unknown } = {};
    loop.self = loop;
    console.warn(loop);
  },
  now: () => Date.now(),
  date: () => new Date(),
  dateCall: () => Date(),
  performance: () => performance.now(),
  aroundTheProxy: () => new (new Date(0).constructor as DateConstructor)(),
  random: () => Math.random(),
  fixedDate: () => [
    new Date(0).toISOString(),
    new Date(2020, 0, 1).getTime(),
    Date.UTC(2020, 0, 1),
    new Date(0) instanceof Date,
    Object.prototype.toString.call(new Date(0)),
  ],
  ask: (id: string, text: string) => request(id, text).text(),
  tell: (id: string, text: string) => send(id, text),
  stop: (data?: string) => shutdown(data),
  chain: () => getChain().events.map(({ event }) => event.eventType),
  keep: (text: string) => {
    const store = createStore();
    const ref = store.putAtLabel("newest", text);
    return [store.id, ref, store.get(ref).text(), new Store(store.id).getLabel("newest")];
  },
  family: () => [spawn("m"), spawn("m", "first"), resume("m", null), resume("m", "then")],
  children: () => listChildren(),
  stopChild: (id: string) => stopChild(id),
  restartChild: (id: string) => restartChild(id),
  childState: (id: string) => childState(id)?.text() ?? null,
  childEvents: (id: string) =>
    childEvents(id).map(({ hash, parentHash, type, data, timestamp }) => [
      [...hash],
      parentHash && [...parentHash],
      type,
      [...data],
      timestamp,
    ]),
  throwText: () => {
    // oxlint-disable-next-line typescript/only-throw-error -- what authors may do
    throw "only text";
  },
  crash: () => (undefined as unknown as { field: string }).field,
};

export const { actor, messageServerClient, supervisorHandlers } = defineActor<{
  turns: number;
  id: string;
}>({
  init: (state, id) => state ?? { turns: 0, id },

  onSend(state, message) {
    if (message.text() === "async") return Promise.resolve(state) as unknown as typeof state;
    if (message.text() === "nothing") return undefined as unknown as typeof state;
    return { ...state, turns: state.turns + 1 };
  },

  onChildError: (state, child, { type, message }) => ({
    ...state,
    id: `${child} ${type}: ${message}`,
  }),
  onChildExit: (state, child, data) => ({
    ...state,
    id: `${child} left ${data?.text() ?? "nothing"}`,
  }),

  onRequest(state, message, requestId) {
    const [name, ...args] = message.json() as [string, ...never[]];
    if (name === "defer") return [{ ...state, id: requestId }, null];
    if (name === "async") return Promise.resolve() as unknown as [typeof state, null];
    const result = probes[name]?.(...args);
    return [{ ...state, turns: state.turns + 1 }, JSON.stringify(result ?? null)];
  },
});
