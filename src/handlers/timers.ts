// `theater:edge/timers`: messages of an actor to itself at a later time. What a turn schedules or cancels
// becomes real with its commit, so every function is local.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import { narrowing } from "./narrow.ts";
import type { Handler, HandlerAnswer, HostFunction, Services } from "./handler.ts";

const TIMERS = "theater:edge/timers";

type Operation = (timers: Services["timers"], args: readonly Value[]) => HandlerAnswer;

function local(operation: Operation): HostFunction {
  return {
    effect: "local",
    call: ({ services }, args) => Promise.resolve(operation(services.timers, args)),
    // In a turn that runs once more: timers change between turns only, so it leaves the same.
    again: ({ services }, args) => {
      operation(services.timers, args);
      return Promise.resolve();
    },
  };
}

export const timers: Handler = {
  type: "timers",
  may: "set timers that bring it messages",
  imports: [TIMERS],
  exports: ["theater:edge/timers-client"],
  config: z.strictObject({}),
  narrow: narrowing({}),
  pure: {},
  functions: {
    [`${TIMERS}#schedule`]: local((service, [name, plan, body]) =>
      service.schedule(name as string, plan as Value, body as Uint8Array),
    ),
    [`${TIMERS}#cancel`]: local((service, [name]) => service.cancel(name as string)),
    [`${TIMERS}#list`]: local((service) => service.list()),
  },
};
