// A plug-in in another Worker, as it is reached: two RPC methods behind a service binding. It is asked within
// time and size, and believed in nothing: what it answers is checked by whoever called.

import type { Value } from "../chain/value.ts";
import { readWit, WIT_CHARS_MAX } from "../executor/wit-read.ts";
import type { WitFunction } from "../executor/wit-type.ts";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import type { Effect, HandlerAnswer } from "./handler.ts";
import type { PluginGrant } from "./plugin-grant.ts";
import { checkAnswer, mayFail, pluginFailed } from "./plugin-check.ts";

/** What `call_ms` of a grant may be at most: far below the longest turn. */
export const PLUGIN_MS_MAX = 60_000;
const DESCRIBE_MS_MAX = 5_000;
/** How long an actor relies on what a plug-in said about itself: a new version may be deployed any time. */
const TRUSTED_MS = 60_000;

/** What a plug-in's entrypoint has. Whatever it gives back may have any form. */
export interface PluginBinding {
  /** `{wit, effects?}`: the text of its interfaces, and the effect of functions by `interface#function`. */
  describe(): Promise<unknown>;
  /** `{outcome, result}` by the function's type; docs/plugins.md says how values are written. */
  call(input: PluginCall): Promise<unknown>;
}

export interface PluginCall {
  /** `interface#function`. */
  about: string;
  args: readonly Value[];
  /** The table `config` of the actor's grant. */
  config: { readonly [key: string]: Value };
  /** `<actor>/<turn>/<call>`: the same for a repetition of the same call. */
  callId: string;
  actor: string;
}

/** What a plug-in serves, read and checked. */
export interface Served {
  wit: string;
  /** By `interface#function`. */
  functions: ReadonlyMap<string, { signature: WitFunction; effect: Effect }>;
}

const EFFECTS: ReadonlySet<unknown> = new Set<Effect>(["safe", "by-id", "unsafe"]);

export class PluginService {
  readonly name: string;
  readonly #binding: PluginBinding;
  /** By interface: when the plug-in last said that it serves it as pinned. */
  readonly #trusted = new Map<string, number>();

  constructor(name: string, binding: PluginBinding) {
    this.name = name;
    this.#binding = binding;
  }

  /** Throws `plugin-failed`. */
  async describe(): Promise<Served> {
    const said = await within(DESCRIBE_MS_MAX, () => this.#binding.describe()).catch(() => {
      throw this.#failed(`it did not describe itself within ${DESCRIBE_MS_MAX} ms`);
    });
    const { wit, effects } = isObject(said) ? said : {};
    if (typeof wit !== "string" || wit.length > WIT_CHARS_MAX) {
      throw this.#failed(
        `describe() must give {wit}, a text of at most ${WIT_CHARS_MAX} characters`,
      );
    }
    const given: Record<string, unknown> = isObject(effects) ? effects : {};
    try {
      return { wit, functions: servedFunctions(readWit(wit), given) };
    } catch (thrown) {
      throw this.#failed(ensureTheaterError(thrown).message);
    }
  }

  #failed(what: string): TheaterError {
    const message = `The plug-in PLUGIN_${this.name} cannot be used: ${what}`;
    return new TheaterError("plugin-failed", message, { plugin: this.name });
  }

  /** Never throws. */
  async call(
    input: PluginCall,
    pinned: PluginGrant,
    signature: WitFunction,
  ): Promise<HandlerAnswer> {
    const { callMs } = pinned;
    try {
      if (!(await this.#isAsPinned(pinned))) {
        const started = "than when this actor was started; start a new one";
        return pluginFailed(`it serves ${pinned.interface} with other types or effects ${started}`);
      }
    } catch {
      return pluginFailed("it does not say what it serves");
    }
    try {
      const answer = await within(callMs, () => this.#binding.call(input));
      return checkAnswer(signature.result, answer);
    } catch (thrown) {
      // Its own words are for its own log: they would be accidents in a chain.
      const late = `no answer within ${callMs} ms; what it did is unknown`;
      return pluginFailed(thrown === LATE ? late : "it threw or broke off; what it did is unknown");
    }
  }

  async #isAsPinned(pinned: PluginGrant): Promise<boolean> {
    const last = this.#trusted.get(pinned.interface);
    if (last !== undefined && Math.abs(Date.now() - last) < TRUSTED_MS) return true;
    const same = samePins(pinned, await this.describe());
    if (same) this.#trusted.set(pinned.interface, Date.now());
    return same;
  }
}

function servedFunctions(
  signatures: ReadonlyMap<string, WitFunction>,
  effects: Record<string, unknown>,
): Served["functions"] {
  const unknown = Object.keys(effects).find((about) => !signatures.has(about));
  if (unknown !== undefined) {
    throw new TheaterError(
      "bad-request",
      `effects names ${unknown.slice(0, 128)}, which its WIT lacks.`,
    );
  }
  const functions = new Map<string, { signature: WitFunction; effect: Effect }>();
  for (const [about, signature] of signatures) {
    const effect = Object.hasOwn(effects, about) ? effects[about] : "unsafe";
    if (!EFFECTS.has(effect)) {
      const message = `The effect of ${about} must be "safe", "by-id" or "unsafe".`;
      throw new TheaterError("bad-request", message);
    }
    const problem = mayFail(about, signature.result);
    if (problem !== undefined) throw new TheaterError("bad-request", `${problem}.`);
    functions.set(about, { signature, effect: effect as Effect });
  }
  return functions;
}

/** Whether the plug-in still serves the interface with the types and effects that genesis has. */
function samePins({ interface: name, wit, effects }: PluginGrant, now: Served): boolean {
  const ofInterface = (about: string): boolean => about.startsWith(`${name}#`);
  const then = [...readWit(wit)].filter(([about]) => ofInterface(about));
  const count = [...now.functions.keys()].filter(ofInterface).length;
  return (
    count === then.length &&
    then.every(([about, signature]) => {
      const served = now.functions.get(about);
      const isSame = JSON.stringify(served?.signature) === JSON.stringify(signature);
      return isSame && served?.effect === effects[about.slice(name.length + 1)];
    })
  );
}

const LATE = new Error("late");

/** Waits no longer than `ms`, and lets go of whatever comes, or came, with the answer. */
async function within(ms: number, ask: () => Promise<unknown>): Promise<unknown> {
  const asked = ask();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(LATE), ms);
  });
  // What is in an answer besides data (stubs of the plug-in's objects) is never used, and not kept.
  void asked.then(release, () => undefined);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

function release(answer: unknown): void {
  if (!isObject(answer) || !(Symbol.dispose in answer)) return;
  (answer as unknown as Disposable)[Symbol.dispose]();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
