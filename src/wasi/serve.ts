// A standard component as an actor: it exports `wasi:http/incoming-handler` and nothing of Theater's. What the runtime
// calls an actor by is answered here in its place: its init, and the request of its one route.

import type { Value } from "../chain/value.ts";
import type { TurnOutcome } from "../executor/executor.ts";
import type { ComponentDescription } from "../executor/wit-type.ts";
import { absentImports, isAbsent } from "./absent.ts";
import { standardImports } from "./imports.ts";
import {
  type GivenAnswer,
  type GivenRequest,
  IncomingRequest,
  ResponseOutparam,
} from "./incoming.ts";
import { type LogSink, logSink } from "./log-sink.ts";
import { className, standardName } from "./standard.ts";
import type { World } from "./world.ts";

/** The WASI side of one instance. */
export interface StandardSide {
  /** By the interface's name, as the component has it. */
  readonly imports: Record<string, Record<string, unknown>>;
  readonly log: LogSink;
}

export function standardSide(
  { imports }: Pick<ComponentDescription, "imports">,
  world: World,
): StandardSide {
  const log = logSink(world);
  const provided = standardImports(world, log);
  const classes = new Map<string, object>();
  const tables = imports.flatMap((one) => {
    const standard = standardName(one.name);
    if (standard === undefined) return [];
    const table = isAbsent(standard)
      ? absentImports(one, classes, className)
      : (provided[standard] ?? {});
    return [[one.name, table] as const, [standard, table] as const];
  });
  return { imports: Object.fromEntries(tables), log };
}

type Handle = (request: IncomingRequest, answer: ResponseOutparam) => Promise<void>;

const failed = (code: string, message: string): TurnOutcome => ({
  kind: "failed",
  failure: "trap",
  code,
  message,
});

/** A standard component has no state: each request meets a fresh instance. */
export function bornStandard([given]: readonly Value[]): TurnOutcome {
  const error = "a wasi:http component has no state: start it without an init state";
  return given === null || given === undefined
    ? { kind: "returned", value: [null] }
    : { kind: "refused", error };
}

/** `params` as of `http-handlers#handle-request`. Throws what the guest throws. */
export async function serveStandard(
  handle: Handle,
  params: readonly Value[],
  world: World,
): Promise<TurnOutcome> {
  const [, rest] = params as readonly [Value, readonly [Value, GivenRequest & Value]];
  const answer: GivenAnswer = { set: undefined };
  await handle(new IncomingRequest(rest[1]), new ResponseOutparam(answer, world));
  const { set } = answer;
  if (set === undefined) return failed("no-response", "the guest set no response");
  if ("error" in set) return { kind: "refused", error: set.error };
  const { response } = set;
  if (!response.isComplete) {
    return failed("incomplete-response", "the guest did not finish the body of its response");
  }
  return { kind: "returned", value: [null, [response.whole()]] };
}
