// Supervisors with probes as their children, as manifests make them, and what becomes of them.

import { must, Probe, probeComponent, theater, until, type Told } from "./stage.ts";

const HANDLERS = ["runtime", "message-server", "store", "timing", "random", "timers"];

interface Policy {
  supervisor?: Record<string, unknown>;
  children: readonly Record<string, unknown>[];
}

/** The digest of a manifest that a [[child]] names. */
export async function childManifest(
  limits: Record<string, number> = {},
  more = "",
): Promise<string> {
  const component = await probeComponent();
  const handlers = HANDLERS.map((type) => `[[handler]]\ntype = "${type}"`).join("\n");
  const table = Object.entries(limits).map(([key, value]) => `${key} = ${value}`);
  const text = `name = "worker"\nversion = "1"\ncomponent = "${component}"\n[limits]\n${table.join("\n")}\n${handlers}\n${more}`;
  const bytes = new TextEncoder().encode(text);
  return must(await theater.putContent("manifests", bytes, null)).digest;
}

export async function supervise({ supervisor = {}, children }: Policy): Promise<Probe> {
  const manifest = await childManifest();
  const answer = await theater.start({
    manifest: {
      name: "boss",
      version: "1",
      component: await probeComponent(),
      handler: HANDLERS.map((type) => ({ type })),
      supervisor: { intensity: 10, period_ms: 60_000, ...supervisor },
      child: children.map((each) => ({ manifest, ...each })),
    },
    initState: null,
    parent: null,
    principal: "tester",
  });
  return new Probe(must(answer).id);
}

/** The actors of a supervisor's children, by name. */
async function childrenOf(boss: Probe): Promise<Record<string, Probe>> {
  const rows = await boss.sql("SELECT name, actor FROM child WHERE born = 1");
  return Object.fromEntries(
    rows.map(({ name, actor }) => [name as string, new Probe(actor as string)]),
  );
}

export async function up(boss: Probe, count: number): Promise<Record<string, Probe>> {
  await until(async () => Object.keys(await childrenOf(boss)).length === count);
  await quiet(boss);
  return await childrenOf(boss);
}

/** Waits until the supervisor has nothing under way. */
export async function quiet(boss: Probe): Promise<void> {
  await until(async () => {
    const [row] = await boss.sql("SELECT state FROM supervisor");
    const { plans, queue } = JSON.parse(row?.["state"] as string) as { plans: []; queue: [] };
    return plans.length === 0 && queue.length === 0;
  });
}

export const ofType = async (actor: Probe, type: string): Promise<Told[]> =>
  (await actor.events()).filter((event) => event.type === type);

export const exitsOf = async (boss: Probe, child: Probe | undefined): Promise<unknown[]> =>
  (await ofType(boss, "child.exited"))
    .filter(({ fields }) => fields["child"] === child?.id)
    .map(({ fields }) => fields["reason"]);
