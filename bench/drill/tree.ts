// The tree that works while its server is killed: a root, a supervisor of each kind, and their workers.

import { HANDLERS } from "./component.ts";
import type { Server } from "./server.ts";

type Table = Record<string, string | number>;

/** What a supervisor is like, and its children's policy. */
interface Kind {
  strategy: string;
  supervisor?: Table;
  child?: Table;
}

/** One of them gives up now and then, and the root starts it again. */
const KINDS: readonly Kind[] = [
  { strategy: "one-for-one" },
  { strategy: "rest-for-one" },
  { strategy: "one-for-all" },
  { strategy: "one-for-one", child: { start_from: "init" } },
  { strategy: "one-for-one", supervisor: { intensity: 1, period_ms: 3_000 } },
];
/** The others go on whatever happens: more failures than this nobody can ask for. */
const NEVER_GIVES_UP: Table = { intensity: 1_000, period_ms: 1_000 };

const HAS_CHILDREN: Table = { shutdown: "infinity" };
/**
 * A worker that is not down in time is killed, and the turn that runs is cut: what it was about is recorded as
 * failed, and would count as lost here. A machine under load needs longer than the usual 5 s for one.
 */
const WORKS: Table = { shutdown: 60_000 };

export interface Member {
  id: string;
  name: string;
  parent: string | null;
  /** Its name in its supervisor's manifest. */
  place: string;
}

export interface Tree {
  members: readonly Member[];
  /** The ids of those that are worked with. */
  workers: readonly string[];
}

/** Starts a tree of `size` actors and waits until all of them are there. */
export async function plant(server: Server, component: Uint8Array, size: number): Promise<Tree> {
  const { component: digest } = JSON.parse(
    await server.must("PUT", "/v1/components", { body: new Uint8Array(component) }),
  ) as { component: string };
  const workers = size - 1 - KINDS.length;
  const branches = await Promise.all(
    KINDS.map(async ({ strategy, supervisor = {}, child = {} }, branch) => {
      const count = Math.floor((workers + KINDS.length - 1 - branch) / KINDS.length);
      const digests = Array.from({ length: count }, (_, leaf) =>
        putManifest(server, manifest(`w-${branch}-${leaf}`, digest)),
      );
      const children = (await Promise.all(digests)).map((each) => ({
        digest: each,
        policy: { ...WORKS, ...child },
      }));
      const policy = { ...NEVER_GIVES_UP, ...supervisor, strategy };
      const text = manifest(`s-${branch}`, digest, { policy, children });
      return { digest: await putManifest(server, text), policy: HAS_CHILDREN };
    }),
  );
  const policy = { ...NEVER_GIVES_UP, strategy: "one-for-one" };
  const root = manifest("root", digest, { policy, children: branches });
  const started = await server.must("POST", "/v1/actors", {
    body: JSON.stringify({ manifest: root }),
    headers: { "content-type": "application/json" },
  });
  const { id } = JSON.parse(started) as { id: string };
  return await grown(server, id, size);
}

function manifest(
  name: string,
  component: string,
  family?: { policy: Table; children: readonly { digest: string; policy: Table }[] },
): string {
  const lines = [`name = "${name}"`, `version = "1"`, `component = "${component}"`];
  if (family !== undefined) {
    lines.push("[supervisor]", ...keys(family.policy));
    for (const [place, { digest, policy }] of family.children.entries()) {
      lines.push("[[child]]", `name = "c${place}"`, `manifest = "${digest}"`, ...keys(policy));
    }
  }
  for (const type of HANDLERS) lines.push("[[handler]]", `type = "${type}"`);
  return lines.join("\n");
}

function keys(table: Table): string[] {
  return Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
}

async function putManifest(server: Server, text: string): Promise<string> {
  const answer = await server.must("PUT", "/v1/stores/drill/content", { body: text });
  return (JSON.parse(answer) as { digest: string }).digest;
}

const GROWN_MS_MAX = 120_000;

async function grown(server: Server, root: string, size: number): Promise<Tree> {
  const untilMs = Date.now() + GROWN_MS_MAX;
  for (;;) {
    const members = await membersBelow(server, root);
    if (members.length === size) {
      const workers = members.filter(({ name }) => name.startsWith("w-")).map(({ id }) => id);
      return { members, workers: workers.toSorted() };
    }
    if (Date.now() > untilMs) throw new Error(`${members.length} of ${size} actors were born`);
  }
}

/** The actor and all below it. A child that was born twice is there twice. */
export async function membersBelow(server: Server, root: string): Promise<Member[]> {
  const all: Member[] = [{ id: root, name: "root", parent: null, place: "" }];
  for (const { id } of all) {
    const page = await server.must("GET", `/v1/actors?parent=${id}&limit=100`);
    const { actors } = JSON.parse(page) as { actors: { id: string; name: string }[] };
    all.push(
      ...actors.map((child) => ({
        ...child,
        parent: id,
        place: `c${child.name.split("-").at(-1)}`,
      })),
    );
  }
  return all;
}
