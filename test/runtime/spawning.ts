// Guests that spawn children through `theater:simple/supervisor`, and what the interface gave them.

import { must, Probe, probeComponent, theater } from "./stage.ts";
import { gave, startTools } from "./tools.ts";

const CHILD = ["runtime", "message-server", "store", "timing", "random", "timers"];

export async function childText(more = "", handlers: readonly string[] = CHILD): Promise<string> {
  const granted = handlers.map((type) => `[[handler]]\ntype = "${type}"`).join("\n");
  const component = await probeComponent();
  return `name = "worker"\nversion = "1"\ncomponent = "${component}"\n${more}\n${granted}`;
}

/** An actor whose guest may have children; `supervisor`: that table of its manifest. */
export async function parent(
  supervisor: object | null = { intensity: 10, period_ms: 60_000 },
  limits: Record<string, number> = {},
): Promise<Probe> {
  const manifest = supervisor === null ? {} : { supervisor };
  return new Probe(must(await startTools({}, { limits, manifest })).id);
}

export const callOf = (fn: string, ...args: unknown[]) =>
  ["call", `theater:simple/supervisor#${fn}`, ...args] as const;

export const ok = (value: unknown): { gave: unknown } => ({ gave: value });

/** What one call of the interface gave. */
export async function asked(actor: Probe, fn: string, ...args: unknown[]): Promise<unknown> {
  const [result] = await gave(actor, callOf(fn, ...args));
  return result;
}

export async function spawned(actor: Probe, text?: string, init: unknown = null): Promise<Probe> {
  const bytes = init === null ? null : { $bytes: JSON.stringify(init) };
  const given = await asked(actor, "spawn", text ?? (await childText()), bytes);
  const { gave: id } = given as { gave?: string };
  if (id === undefined) throw new Error(JSON.stringify(given));
  return new Probe(id);
}

export const listed = async (actor: Probe): Promise<unknown> =>
  ((await asked(actor, "list-children")) as { gave: unknown }).gave;

export const replayed = async (actor: Probe): Promise<unknown> =>
  must(await theater.replay(actor.id, null));

export async function statusOf(actor: Probe): Promise<string> {
  return (await actor.summary()).status;
}

/** All actors that name this one as their parent. */
export async function offspring(actor: Probe): Promise<string[]> {
  const rows = await actor.sql("SELECT actor FROM child");
  return rows.map(({ actor: id }) => id as string);
}

export const countOf = async (actor: Probe, type: string): Promise<number> =>
  (await actor.events()).filter((event) => event.type === type).length;
