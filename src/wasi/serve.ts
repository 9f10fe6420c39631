// A standard component as an actor: it exports `wasi:http/incoming-handler` and nothing of Theater's. What the runtime
// calls an actor by is answered here in its place: its init, and the request of its one route.

import type { Value } from "../chain/value.ts";
import type { TurnOutcome } from "../executor/executor.ts";
import type { StandIn } from "../executor/instances.ts";
import type { PureFunctions, TurnSlot } from "../executor/recorder.ts";
import type { ComponentDescription } from "../executor/wit-type.ts";
import { absentImports, isAbsent } from "./absent.ts";
import { type StandardImports, standardImports } from "./imports.ts";
import {
  type GivenAnswer,
  type GivenRequest,
  IncomingRequest,
  ResponseOutparam,
} from "./incoming.ts";
import { logSink } from "./log-sink.ts";
import { className, standardHandler, standardName } from "./standard.ts";
import { turnWorld } from "./turn-world.ts";
import type { World } from "./world.ts";

const INIT = "theater:simple/actor#init";
const HANDLE_HTTP = "theater:simple/http-handlers#handle-request";

/** For `PureHost.standIn`. `pure`: what the isolate answers. */
export function standIn(
  { imports, exports }: ComponentDescription,
  slot: TurnSlot,
  pure: PureFunctions,
): StandIn | undefined {
  const handler = standardHandler(exports);
  if (handler === undefined) return undefined;
  const world = turnWorld(slot, pure);
  const log = logSink(world);
  return {
    imports: importsOf(imports, standardImports(world, log)),
    async run(guest, { about, params }) {
      if (about === INIT) return bornStandard(params);
      if (about !== HANDLE_HTTP) return noExport(about);
      const { handle } = guest[handler] as { handle: Handle };
      try {
        return await serveStandard(handle, params, world);
      } finally {
        log.rest();
      }
    },
  };
}

function importsOf(
  imports: ComponentDescription["imports"],
  provided: StandardImports,
): StandIn["imports"] {
  const classes = new Map<string, object>();
  const tables = imports.flatMap((one) => {
    const standard = standardName(one.name);
    if (standard === undefined) return [];
    const table = isAbsent(standard)
      ? absentImports(one, classes, className)
      : (provided[standard] ?? {});
    return [[one.name, table] as const, [standard, table] as const];
  });
  return Object.fromEntries(tables);
}

type Handle = (request: IncomingRequest, answer: ResponseOutparam) => Promise<void>;

const noExport = (about: string): TurnOutcome => ({
  kind: "failed",
  failure: "host",
  code: "no-export",
  message: `the component does not export ${about}`,
});

const failed = (code: string, message: string): TurnOutcome => ({
  kind: "failed",
  failure: "trap",
  code,
  message,
});

/** A standard component has no state: each request meets a fresh instance. */
function bornStandard([given]: readonly Value[]): TurnOutcome {
  const error = "a wasi:http component has no state: start it without an init state";
  return given === null || given === undefined
    ? { kind: "returned", value: [null] }
    : { kind: "refused", error };
}

/** `params` as of `http-handlers#handle-request`. Throws what the guest throws. */
async function serveStandard(
  handle: Handle,
  params: readonly Value[],
  world: World,
): Promise<TurnOutcome> {
  const [state, rest] = params as readonly [Value, readonly [Value, GivenRequest & Value]];
  const answer: GivenAnswer = { set: undefined };
  await handle(new IncomingRequest(rest[1]), new ResponseOutparam(answer, world));
  const { set } = answer;
  if (set === undefined) return failed("no-response", "the guest set no response");
  if ("error" in set) return { kind: "refused", error: set.error };
  const { response } = set;
  if (!response.isComplete) {
    return failed("incomplete-response", "the guest did not finish the body of its response");
  }
  // It has none, but an earlier version of the actor may have had one.
  return { kind: "returned", value: [state, [response.whole()]] };
}
