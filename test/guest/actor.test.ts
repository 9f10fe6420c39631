// defineActor as plain functions; `sdk.test.ts` runs the same inside a component.

import { expect, test } from "vitest";
import { defineActor } from "../../src/guest/actor.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";

const MESSAGE = fromUtf8("hello");

test("a state of bytes goes through untouched, and null is no state", () => {
  const { actor, messageServerClient: client } = defineActor({
    state: "bytes",
    onSend: (state, { bytes }) => (state === null ? bytes : null),
    onRequest: (state) => [state, state],
  });
  expect(actor.init(Uint8Array.of(0xff), ["a"])).toEqual([Uint8Array.of(0xff)]);
  expect(client.handleSend(null, [MESSAGE])).toEqual([MESSAGE]);
  expect(client.handleSend(MESSAGE, [MESSAGE])).toEqual([null]);
  expect(client.handleRequest(MESSAGE, ["r", MESSAGE])).toEqual([MESSAGE, [MESSAGE]]);
});

test("a state of bytes that is something else is refused", () => {
  const { messageServerClient: client } = defineActor({
    state: "bytes",
    onSend: () => "text" as unknown as Uint8Array,
  });
  expect(() => client.handleSend(null, [MESSAGE])).toThrow("the handler returned no state");
});

test("what an actor does not handle it refuses, and its state stays as it was given", () => {
  const { actor, messageServerClient: client } = defineActor({});
  const state = fromUtf8(' {"b":1, "a":2} ');
  expect(actor.init(state, ["a"])).toEqual([state]);
  expect(() => client.handleSend(state, [MESSAGE])).toThrow("takes requests, no sends");
  expect(() => client.handleRequest(state, ["r", MESSAGE])).toThrow("takes sends, no requests");
  expect(() => client.handleChannelOpen(state, ["c", MESSAGE])).toThrow("takes no channels");
  expect(() => client.handleChannelMessage(state, ["c", MESSAGE])).toThrow("takes no channels");
  expect(client.handleChannelClose(state, ["c"])).toEqual([state]);
});

test("a JSON state keeps the order of its keys, so the same turn makes the same bytes", () => {
  const { messageServerClient: client } = defineActor<object>({
    onSend: (state, message) => ({ last: message.text(), ...state }),
  });
  expect(client.handleSend(fromUtf8('{"z":1,"a":2}'), [MESSAGE])).toEqual([
    fromUtf8('{"last":"hello","z":1,"a":2}'),
  ]);
});
