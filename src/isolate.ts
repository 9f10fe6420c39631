// The guests' isolate: one per module set, shared by all actors of a component. Each turn gets a pristine
// instance, prepared ahead where possible.
//
// Nothing at module scope may mean anything to a turn: actors share this scope. The pool holds only
// instances that have not run yet.
//
// WebAssembly sees nothing of this scope. JavaScript that a component got run here would: it could carry
// what one actor of the component says to another, and give wrong answers for the calls that are answered
// here, which a replay finds. It could not reach the network, the Worker's bindings, other components, or
// more of the host than the one method of its turn's door (test/attack/isolation.test.ts shows both).

import { shake256 } from "@noble/hashes/sha3.js";
import { WorkerEntrypoint } from "cloudflare:workers";
import { instantiate } from "component:component.js";
import { cores } from "component:cores.js";
import description from "component:description.json";
import type { TurnHost, TurnInput, TurnOutput } from "./executor/executor.ts";
import {
  callExport,
  failureOf,
  OpenTurn,
  roughBytes,
  wrapImports,
  type TurnSlot,
} from "./executor/recorder.ts";
import { ScriptHost, type ScriptedOutput, type ScriptedTurn } from "./executor/script.ts";
import { findFunction } from "./executor/wit-type.ts";
import { randomPure, streamSeed } from "./handlers/pure/random.ts";
import { runtimePure } from "./handlers/pure/runtime.ts";
import { timingPure } from "./handlers/pure/timing.ts";

/** Instances waiting for a turn. A QuickJS instance is about 0.4 MB (measured): far below 32 MB. */
const POOL_MAX = 4;

const pure = { ...runtimePure, ...timingPure, ...randomPure };

interface Instance {
  exports: Record<string, unknown>;
  slot: TurnSlot;
}

function makeInstance(slot: TurnSlot): Instance {
  const getCore = (name: string): WebAssembly.Module => {
    const core = cores[name];
    if (core === undefined) throw new Error(`no core module ${name}`);
    return core;
  };
  return { exports: instantiate(getCore, wrapImports(description, pure, slot)), slot };
}

const pool: Instance[] = [];
/** Set when the component calls an import while it starts: then it can only start inside its turn. */
let startsInTurn = false;

function refill(): void {
  while (!startsInTurn && pool.length < POOL_MAX) {
    const slot: TurnSlot = { turn: undefined, calledEarly: false };
    try {
      const instance = makeInstance(slot);
      if (!slot.calledEarly) pool.push(instance);
    } catch {
      if (!slot.calledEarly) return; // the turn that needs it will report it
    }
    startsInTurn = slot.calledEarly;
  }
}

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Bytes of the outputs of one batch; the rest of it is run when it is asked for again. */
const SCRIPTED_BYTES_MAX = 4 * 1024 * 1024;

export default class Guest extends WorkerEntrypoint {
  /** Answers if the isolate started at all. */
  ready(): boolean {
    return true;
  }

  /** Runs one turn. Throws nothing: whatever the guest does is an outcome. */
  async run(input: TurnInput, host: TurnHost): Promise<TurnOutput> {
    this.ctx.waitUntil(later().then(refill));
    return await runTurn(input, host, pool.pop());
  }

  /** See `Executor.runScripted`. Nothing is prepared ahead: an instance costs the same either way. */
  async runScripted(turns: readonly ScriptedTurn[]): Promise<ScriptedOutput[]> {
    const outputs: ScriptedOutput[] = [];
    let bytes = 0;
    for (const { input, answers } of turns) {
      const host = new ScriptHost(answers);
      const { outcome, answered } = await runTurn(input, host, undefined);
      host.take(answered);
      outputs.push({ outcome, calls: host.calls });
      for (const { args, result = null } of host.calls) {
        bytes += roughBytes(args) + roughBytes(result);
      }
      if (outcome.kind === "returned") bytes += roughBytes(outcome.value);
      if (bytes > SCRIPTED_BYTES_MAX) break;
    }
    return outputs;
  }
}

async function runTurn(
  input: TurnInput,
  host: TurnHost,
  prepared: Instance | undefined,
): Promise<TurnOutput> {
  const stream = shake256.create({}).update(streamSeed(input));
  const turn = new OpenTurn(input, host, (length) => stream.xof(length));
  let instance = prepared;
  try {
    if (instance === undefined) instance = makeInstance({ turn, calledEarly: false });
    else instance.slot.turn = turn;
  } catch (thrown) {
    const failed = turn.failure ?? failureOf(thrown);
    // A trap while it starts has a code of its own: no export was called.
    const outcome = failed.failure === "trap" ? { ...failed, code: "start" } : failed;
    return { outcome, answered: turn.takeAnswered() };
  }
  const [interfaceName = "", fn = ""] = input.about.split("#");
  const type = findFunction(description.exports, { interface: interfaceName, function: fn });
  if (type === undefined) {
    const message = `the component does not export ${input.about}`;
    const failed = { kind: "failed", failure: "host", code: "no-export", message } as const;
    return { outcome: failed, answered: [] };
  }
  const outcome = await callExport(instance.exports, turn, type);
  return { outcome, answered: turn.takeAnswered() };
}
