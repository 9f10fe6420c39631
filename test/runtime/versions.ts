// Versions of one actor: components that differ in one word, and so in what they do.

import { fromUtf8 } from "../../src/lib/bytes.ts";
import type { UpgradeReport } from "../../src/runtime/upgrade/upgrades.ts";
import type { Answer } from "../../src/runtime/protocol.ts";
import { bindings, must, Probe, theater } from "./stage.ts";

/** How a version behaves; see upgrade-actor/actor.ts. `same` differs from `plain` in nothing but its digest. */
export type Mode = "plain" | "same" | "other" | "chatty";
export type Migrating = "count" | "greedy" | "unwilling" | "talking" | "kept";

const uploaded = new Map<string, Promise<string>>();

/** The digest of a version. */
export async function version(mode: Mode): Promise<string> {
  return await (uploaded.get(mode) ?? upload(mode, "plain"));
}

/** Of one that has a migration. */
export async function migrating(mode: Migrating): Promise<string> {
  return await (uploaded.get(mode) ?? upload(mode, "migrating"));
}

function upload(mode: string, build: string): Promise<string> {
  const digest = make(mode, build).then(
    async (bytes) => must(await theater.upload(bytes)).component,
  );
  uploaded.set(mode, digest);
  return digest;
}

async function make(mode: string, build: string): Promise<Uint8Array> {
  const { UPGRADE } = bindings as unknown as { UPGRADE: Fetcher };
  const bytes = await (await UPGRADE.fetch(`http://upgrade/${build}`)).bytes();
  const [from, to] = ["plain", mode].map((word) => fromUtf8(word.padEnd(10, ".")));
  if (from === undefined || to === undefined) throw new Error("there are two words");
  let found = 0;
  for (let at = bytes.indexOf(from[0] ?? 0); at !== -1; at = bytes.indexOf(from[0] ?? 0, at + 1)) {
    if (!from.every((byte, n) => bytes[at + n] === byte)) continue;
    bytes.set(to, at);
    found++;
  }
  if (found === 0) throw new Error("the component has its mode somewhere");
  return bytes;
}

export const manifestOf = (component: string, more: object = {}): Record<string, unknown> => ({
  name: "counting",
  version: "1",
  component,
  handler: [{ type: "runtime" }, { type: "message-server" }],
  ...more,
});

export async function counting(component?: string, more: object = {}): Promise<Probe> {
  const started = await theater.start({
    manifest: manifestOf(component ?? (await version("plain")), more),
    initState: null,
    parent: null,
    principal: "tester",
  });
  return new Probe(must(started).id);
}

interface Asked {
  manifest?: Record<string, unknown>;
  accept?: string;
  rollback?: boolean;
  from?: number;
  since?: number;
  key?: string;
  /** Whom to ask. */
  by?: typeof theater;
}

/** Upgrades `actor`; null: to what `more` says alone. */
export async function upgrade(
  actor: Probe,
  component: string | null,
  { key, by = theater, ...more }: Asked = {},
): Promise<Answer<UpgradeReport>> {
  return await by.upgrade(actor.id, {
    component,
    manifest: null,
    variables: {},
    rollback: false,
    accept: null,
    from: null,
    since: null,
    principal: "tester",
    ...more,
    key: key ?? null,
    body: fromUtf8(JSON.stringify([component, more])),
  });
}

/** Sends a text and gives the reply, or the code of the refusal. */
export async function say(actor: Probe, text: string): Promise<string> {
  const answer = await theater.request(actor.id, { body: fromUtf8(text), from: "external" });
  return answer.ok ? new TextDecoder().decode(answer.value.reply) : answer.error.code;
}
