// A plug-in in a Worker of its own that breaks every rule it is asked to break.

import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import wit from "./plugin-actor/wit/trick.wit";

interface Call {
  about: string;
  args: readonly unknown[];
  config: Record<string, unknown>;
  callId: string;
  actor: string;
}

const POINT = { "x-pos": 7, label: "here", tint: ["dark-green"], raw: Uint8Array.of(1, 2) };

/** What `describe` gives from now on; anything but a known word gives what was served at first. */
let described = "";
let isReleased = false;
let lateAnswers = 0;
const calls: Call[] = [];

class Stub extends RpcTarget {
  ok = POINT;
}

const answers: Record<string, (call: Call) => unknown> = {
  honest: () => ({ outcome: "returned", result: { ok: POINT } }),
  echo: (call) => ({
    outcome: "returned",
    result: { ok: { ...POINT, label: JSON.stringify(call.config), raw: call.args[1] } },
  }),
  refuses: () => ({ outcome: "returned", result: { err: "no such city" } }),
  denies: () => ({ outcome: "denied", result: { err: "not for you" } }),
  "denies without err": () => ({ outcome: "denied", result: { ok: POINT } }),
  throws: () => {
    throw new Error("secret detail");
  },
  // By a timer: workerd ends what waits for nothing.
  "never answers": () => new Promise((resolve) => setTimeout(resolve, 20_000)),
  "answers late": async () => {
    isReleased = false;
    while (!isReleased) await new Promise((resolve) => setTimeout(resolve, 5));
    lateAnswers++;
    return { outcome: "returned", result: { ok: POINT } };
  },
  nothing: () => undefined,
  "no outcome": () => ({ result: { ok: POINT } }),
  "own outcome": () => ({ outcome: "aborted", result: { ok: POINT } }),
  "wrong type": () => ({ outcome: "returned", result: { ok: { ...POINT, "x-pos": "7" } } }),
  "a field too many": () => ({ outcome: "returned", result: { ok: { ...POINT, secret: 1 } } }),
  "a field too few": () => ({ outcome: "returned", result: { ok: { label: "here" } } }),
  "both ok and err": () => ({ outcome: "returned", result: { ok: POINT, err: "x" } }),
  "lone surrogate": () => ({ outcome: "returned", result: { ok: { ...POINT, label: "\ud800" } } }),
  huge: () => ({ outcome: "returned", result: { ok: { ...POINT, raw: new Uint8Array(4e6) } } }),
  sparse: () => ({
    outcome: "returned",
    result: { ok: Object.assign([], { length: 2 ** 32 - 1 }) },
  }),
  circle: () => {
    const circle: Record<string, unknown> = { ...POINT };
    circle["tint"] = [circle];
    return { outcome: "returned", result: { ok: circle } };
  },
  shared: () => {
    let many: unknown = "x".repeat(1_000);
    for (let i = 0; i < 30; i++) many = [many, many];
    return { outcome: "returned", result: { ok: { ...POINT, tint: many } } };
  },
  stub: () => ({ outcome: "returned", result: new Stub() }),
  function: () => ({ outcome: "returned", result: { ok: () => POINT } }),
  "says more": () => ({
    outcome: "returned",
    result: { ok: POINT },
    recorded: { ok: null },
    time: 0,
  }),
};

const TRICK = "test:mischief/trick";

const descriptions: Record<string, unknown> = {
  "no wit": { effects: {} },
  "bad wit": { wit: "package a" },
  "huge wit": { wit: wit + " ".repeat(100_000) },
  "other types": { wit: wit.replace("x-pos: u32", "x-pos: u64") },
  "other effect": { wit, effects: { [`${TRICK}#ask`]: "safe" } },
  "local effect": { wit, effects: { [`${TRICK}#ask`]: "local" } },
  "takes over": { wit: wit.replace("test:mischief", "theater:simple") },
  "cannot fail": { wit: wit.replace("result<u64, string>", "u64") },
};

export class Mischief extends WorkerEntrypoint {
  describe(): unknown {
    if (described === "down") throw new Error("down");
    const honest = { wit, effects: { [`${TRICK}#count`]: "safe" } };
    return Object.hasOwn(descriptions, described) ? descriptions[described] : honest;
  }

  async call(call: Call): Promise<unknown> {
    calls.push(call);
    if (call.about.endsWith("#count")) return { outcome: "returned", result: { ok: call.args[0] } };
    return await answers[String(call.args[0])]?.(call);
  }

  /** For the tests. */
  setDescribed(what: string): void {
    described = what;
  }

  release(): void {
    isReleased = true;
  }

  /** How many were given after the release. */
  late(): number {
    return lateAnswers;
  }

  seen(): Call[] {
    return calls;
  }
}

// oxlint-disable-next-line import/no-default-export -- what a Worker is
export default { fetch: (): Response => new Response(null, { status: 404 }) };
