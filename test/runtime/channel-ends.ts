// Both ends of a channel: what they heard, and that their chains agree about it.

import { expect } from "vitest";
import { must, theater, until, type Probe, type Program, type Told } from "./stage.ts";

export const heard = async (actor: Probe): Promise<unknown[]> =>
  ((await actor.state()) as { heard: unknown[] }).heard;

export const hears = (actor: Probe, words: unknown[]): Promise<void> =>
  until(async () => JSON.stringify(await heard(actor)) === JSON.stringify(words));

export const stateOf = async (actor: Probe): Promise<unknown[]> =>
  (await actor.sql("SELECT state FROM channel")).map(({ state }) => state);

export const closings = async (actor: Probe): Promise<unknown[]> =>
  (await actor.events())
    .filter(({ type }) => type === "channel.closed")
    .map(({ fields: { by, reason } }) => [by, reason]);

export async function open(a: Probe, b: Probe, program: Program = []): Promise<string> {
  const [channel] = (await a.ask([["open", b.id, program]])).gave as [string];
  expect(channel).toMatch(/^ch_[0-9a-f]{32}$/);
  return channel;
}

export async function expectSound(...actors: Probe[]): Promise<void> {
  for (const { id } of actors) {
    expect(must(await theater.verify(id))).toMatchObject({ verdict: "verified" });
    expect(must(await theater.replay(id, null))).toMatchObject({ verdict: "verified" });
  }
}

export async function delivered(actor: Probe): Promise<void> {
  await until(async () => (await actor.sql("SELECT 1 FROM outbox")).length === 0);
}

export const received = async (actor: Probe, kind: string): Promise<Told[]> =>
  (await actor.events()).filter(({ about }) => about === kind);
