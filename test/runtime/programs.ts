// Random programs for the actor of test/runtime/program-actor: steps from every row of the conformance suite, in
// turns that end in every way, among evictions, crashes, cuts and outages.

import fc from "fast-check";
import { inject } from "vitest";
import { IMPORT_ROWS } from "../conformance/import-rows.ts";
import type { Scene } from "../conformance/scene.ts";
import { signatureOf } from "../conformance/scene.ts";
import { toGuest } from "../conformance/guest-values.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { fromUtf8, toHex } from "../../src/lib/bytes.ts";
import { bindings, must, Probe, theater, type Program } from "./stage.ts";
import { TYPES } from "./handler-types.ts";
import { childManifest } from "./tools.ts";

type Step = Program[number];

/** What happens to the actor, one after the other. */
export type Happening =
  | { what: "request" | "send" | "crash-during" | "cut-during" | "outage"; steps: Program }
  | { what: "evict" | "crash" | "pause" | "restart" };

const WORDS = "test:words/words";
const HOST = "theater:simple/message-server-host";
/** What a later step can name, by the function that gives it. */
const KEPT: Readonly<Record<string, string>> = {
  "theater:simple/store#new": "store",
  [`${HOST}#open-channel`]: "channel",
  [`${HOST}#list-outstanding-requests`]: "request",
  "theater:simple/supervisor#spawn": "child",
};
/** Ends the actor, and so belongs to a happening of its own. */
const LAST = "theater:simple/runtime#shutdown";

const digestOf = (text: string): string => toHex(sha256(fromUtf8(text)));

/** Every call of every row, as a step: those that work, those that are denied, and those with bad input. */
export async function stepsOfRows(actor: Probe, peer: Probe): Promise<Step[]> {
  const { first: origin, second: elsewhere } = inject("origins");
  const manifest = await childManifest();
  const scene = {
    actor,
    called: peer,
    peer,
    store: "$store",
    foreign: "0".repeat(32),
    ghost: "f".repeat(32),
    one: digestOf("one"),
    two: digestOf("two"),
    origin,
    elsewhere,
    requests: ["$request", "$request"],
    channels: ["$channel", "$channel"],
    manifest,
    greedy: manifest.replace('"http-client"', `"http-client"\nallowed_hosts = ["${elsewhere}"]`),
    children: ["$child", "$child"],
  } as unknown as Scene;
  const steps: Step[] = [];
  for (const [row, { works, denied, bad }] of IMPORT_ROWS) {
    if (row === LAST) continue;
    const calls = [works, denied, bad].flatMap((part) =>
      typeof part === "function" ? part(scene) : [],
    );
    for (const [args, , about = row] of calls) steps.push(stepOf(qualified(about, row), args));
  }
  const plugin: Step[] = [
    ["call", `${WORDS}#reverse`, "abc"],
    ["call", `${WORDS}#reverse`, "x".repeat(2_000)],
    ["call", `${WORDS}#odd`, "fine"],
    ["call", `${WORDS}#odd`, "throws"],
    ["call", `${WORDS}#odd`, "wrong type"],
  ];
  return [...steps, ...plugin];
}

const qualified = (about: string, row: string): string =>
  about.includes("#") ? about : row.replace(/#.*/, `#${about}`);

function stepOf(about: string, args: readonly unknown[]): Step {
  const { params } = signatureOf(about);
  const given = args.map((arg, at) => toGuest(params[at]?.[1] ?? "bool", arg));
  const name = KEPT[about];
  return name === undefined ? ["call", about, ...given] : ["as", name, about, ...given];
}

/** Steps that do nothing outside. */
const OWN: readonly Step[] = [["say"], ["say"], ["log", "a line"], ["keep", "kept"], ["variant"]];

const ENDINGS: readonly (readonly Step[])[] = [
  [],
  [],
  [],
  [],
  [["answer", "told"]],
  [["answer", "later"]],
  [["say"], ["refuse"]],
  [["refuse"]],
  [["trap"]],
  [["fill", 70_000]],
  [["fill", 150_000]],
];

/** A program of the actor's life. `pool`: see `stepsOfRows`. */
export function lives(pool: readonly Step[], length: number): fc.Arbitrary<Happening[]> {
  const called = fc.constantFrom(...pool);
  const blind = called.map(([kind, ...rest]): Step => {
    return kind === "as" ? [kind, ...rest] : ["blind", ...rest];
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: called },
    { weight: 1, arbitrary: blind },
    { weight: 3, arbitrary: fc.constantFrom(...OWN) },
  );
  const steps = fc
    .tuple(fc.array(step, { maxLength: 8 }), fc.constantFrom(...ENDINGS))
    .map(([some, ending]): Program => [...some, ...ending]);
  const acting = (what: "request" | "send" | "crash-during" | "cut-during" | "outage") =>
    steps.map((each): Happening => ({ what, steps: each }));
  const plain = (what: "evict" | "crash" | "pause" | "restart") => fc.constant<Happening>({ what });
  const happening = fc.oneof(
    { weight: 8, arbitrary: acting("request") },
    { weight: 4, arbitrary: acting("send") },
    { weight: 2, arbitrary: acting("crash-during") },
    { weight: 1, arbitrary: acting("cut-during") },
    { weight: 1, arbitrary: acting("outage") },
    ...(["evict", "crash", "pause", "restart"] as const).map((what) => ({
      weight: 1,
      arbitrary: plain(what),
    })),
  );
  return fc.array(happening, { minLength: length, maxLength: length });
}

let uploaded: Promise<Uint8Array> | undefined;

/** The component, or one that differs from it in a single word that it logs at the step `variant`. */
async function programBytes(isVariant: boolean): Promise<Uint8Array> {
  const { PROGRAMS } = bindings as unknown as { PROGRAMS: Fetcher };
  uploaded ??= PROGRAMS.fetch("http://programs/").then((given) => given.bytes());
  const bytes = await uploaded;
  return isVariant ? replaced(bytes, "variant-one", "variant-two") : bytes;
}

/** With another word of the same length, wherever it stands. */
function replaced(bytes: Uint8Array, word: string, other: string): Uint8Array {
  const [changed, from, to] = [bytes.slice(), fromUtf8(word), fromUtf8(other)];
  for (
    let at = changed.indexOf(from[0] ?? 0);
    at >= 0;
    at = changed.indexOf(from[0] ?? 0, at + 1)
  ) {
    if (from.every((byte, n) => changed[at + n] === byte)) changed.set(to, at);
  }
  return changed;
}

/** The manifest of a child, as a guest gives it to `spawn`. */
export async function programManifest(name: string): Promise<string> {
  const { component } = must(await theater.upload(await programBytes(false)));
  const tables = [...TYPES, "words"].map((type) => `[[handler]]\ntype = "${type}"\n`);
  return `name = "${name}"\nversion = "1"\ncomponent = "${component}"\n${tables.join("")}`;
}

/** An actor with every handler, and of some less than its programs ask for. */
export async function startProgrammed(
  more: {
    name?: string;
    parent?: string;
    manifest?: Record<string, unknown>;
    vars?: object;
    isVariant?: boolean;
  } = {},
): Promise<Probe> {
  const { name = "program", parent = null, manifest = {}, vars = {}, isVariant = false } = more;
  const { first: origin } = inject("origins");
  const grants: Record<string, object> = {
    store: { stores: ["f".repeat(32)] },
    environment: { allowed_vars: ["REGION"], allow_list_all: true },
    filesystem: { read: true, write: true, allowed_paths: ["."] },
    "http-client": { allowed_hosts: [origin] },
    timing: { max_sleep_duration: 20 },
    random: { max_bytes: 4, max_int: 10 },
  };
  const { component } = must(await theater.upload(await programBytes(isVariant)));
  const started = await theater.start({
    manifest: {
      name,
      version: "1",
      component,
      limits: { state_bytes: 100_000 },
      handler: [...TYPES, "words"].map((type) => ({ type, ...grants[type] })),
      ...manifest,
    },
    initState: fromUtf8(JSON.stringify({ vars })),
    parent,
    principal: "tester",
  });
  return new Probe(must(started).id);
}
