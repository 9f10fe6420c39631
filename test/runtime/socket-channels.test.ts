// Visitors who open a channel to an actor over a WebSocket: both ends speak on it, and either ends it.

import { afterEach, expect, test } from "vitest";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { clearFaults } from "./faults.ts";
import { must, type Probe, start, theater, until } from "./stage.ts";
import { Visitor } from "./visitor.ts";

afterEach(clearFaults);

/** The visitor's end of a channel to the probe, which takes what `first` says. */
async function channelTo(actor: Probe, first: unknown): Promise<Visitor> {
  const asked = { isChannel: true, principal: "token:test" } as const;
  const upgraded = must(await theater.openSocket(actor.id, asked));
  if ("reply" in upgraded) throw new Error("it was answered");
  const visitor = new Visitor(upgraded.webSocket, undefined);
  visitor.say(JSON.stringify(first));
  return visitor;
}

test("a visitor opens a channel, both ends speak on it, and either closes it", async () => {
  const actor = await start();
  const visitor = await channelTo(actor, [["accept", { accepted: true, message: "welcome" }]]);
  const [opened] = await visitor.hears(2);
  const { channel, event } = JSON.parse(String(opened)) as { channel: string; event: string };
  expect(visitor.got).toEqual([opened, "welcome".length]);
  const seq = Number(event.split(":")[0]);
  expect((await actor.events(seq))[0]?.cid).toBe(event.split(":")[1]);
  visitor.say(
    JSON.stringify([
      ["say", channel, "one"],
      ["say", channel, "second"],
    ]),
  );
  visitor.say(fromUtf8(JSON.stringify([["say", channel, "3"]])));
  expect(await visitor.hears(5)).toEqual([opened, 7, 5, 8, 3]);
  await actor.evict();
  visitor.say(JSON.stringify([["hangUp", channel]]));
  expect(await visitor.ends()).toEqual({ code: 1000, reason: "closed" });
  const other = await channelTo(actor, [["accept", true]]);
  await other.hears(1);
  other.socket.close(1000);
  await until(async () =>
    (await actor.lines()).some((line) => line.includes("received channel-close")),
  );
  await actor.quiet();
  const closes = (await actor.events()).filter(({ type }) => type === "channel.closed");
  expect(closes.map(({ fields: { by, peer } }) => [by, peer])).toEqual([
    ["self", "external"],
    ["peer", "external"],
  ]);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("a channel that the guest does not accept is closed with its words, and so is one of a turn that fails", async () => {
  const actor = await start();
  const refusedOne = await channelTo(actor, [
    ["accept", { accepted: false, message: "not today" }],
  ]);
  expect(await refusedOne.ends()).toEqual({ code: 1008, reason: "not today" });
  expect(await (await channelTo(actor, [["refuse"]])).ends()).toMatchObject({ code: 1011 });
  expect(await (await channelTo(actor, [["trap"]])).ends()).toEqual({
    code: 1011,
    reason: "guest-trap",
  });
});

test("a visitor's channel ends with its connection in a crash, and with the actor", async () => {
  const actor = await start();
  const lost = await channelTo(actor, [["accept", true]]);
  await lost.hears(1);
  await actor.crash();
  expect(await lost.ends()).toMatchObject({ code: 1006 });
  await until(async () =>
    (await actor.lines()).some((line) => line.includes("received channel-close")),
  );
  const other = await channelTo(actor, [["accept", true]]);
  await other.hears(1);
  await actor.change("stop");
  expect(await other.ends()).toEqual({ code: 1001, reason: "stopped" });
  const closes = (await actor.events()).filter(({ type }) => type === "channel.closed");
  expect(closes.map(({ fields: { by, reason } }) => [by, reason])).toEqual([
    ["peer", "closed"],
    ["self", "stopped"],
  ]);
});
