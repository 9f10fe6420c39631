// Actors of the tests about capabilities: the tools actor with the grants that a test gives it.

import { TYPES } from "./handler-types.ts";
import { Probe, bindings, must, theater, type Program, type Told } from "./stage.ts";

let uploaded: Promise<string> | undefined;

async function upload(): Promise<string> {
  const { TOOLS } = bindings as unknown as { TOOLS: Fetcher };
  const response = await TOOLS.fetch("http://tools/");
  return must(await theater.upload(await response.bytes())).component;
}

/** Every handler, each with the keys that are given for it. */
export async function tools(
  grants: Record<string, Record<string, unknown>> = {},
  limits: Record<string, number> = {},
): Promise<Probe> {
  return new Probe(must(await startTools(grants, { limits })).id);
}

interface More {
  limits?: Record<string, number>;
  /** A type that the manifest leaves out. */
  without?: string;
  initState?: Uint8Array;
  parent?: string;
  /** More of the manifest. */
  manifest?: Record<string, unknown>;
}

export async function startTools(
  grants: Record<string, Record<string, unknown>>,
  { limits = {}, without, initState, parent, manifest = {} }: More = {},
): ReturnType<typeof theater.start> {
  const component = await (uploaded ??= upload());
  return await theater.start({
    manifest: {
      name: "tools",
      version: "1",
      component,
      limits,
      handler: TYPES.filter((type) => type !== without).map((type) => ({ type, ...grants[type] })),
      ...manifest,
    },
    initState: initState ?? null,
    parent: parent ?? null,
    principal: "tester",
  });
}

/** The manifest of a child with every handler, and of each the least, as a guest gives it to `spawn`. */
export async function childManifest(more = ""): Promise<string> {
  const component = await (uploaded ??= upload());
  const tables = TYPES.map((type) => `[[handler]]\ntype = "${type}"\n`).join("");
  return `name = "child"\nversion = "1"\ncomponent = "${component}"\n${tables}${more}`;
}

/** Runs the steps in one turn, and gives what each gave. */
export async function gave(actor: Probe, ...program: Program): Promise<unknown[]> {
  const ended = await actor.ask(program);
  if (!Array.isArray(ended.gave)) throw new Error(`${String(ended.gave)}: ${ended.message}`);
  return ended.gave as unknown[];
}

/** The newest call on record whose `about` ends so: what was asked, and how it ended. */
export async function call(actor: Probe, about: string): Promise<Told["fields"]> {
  const events = await actor.events();
  const found = events.findLast(
    (event) => event.type === "host.called" && event.about.endsWith(about),
  );
  return found?.fields ?? {};
}
