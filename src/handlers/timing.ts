// `theater:simple/timing`. `now` is answered in the isolate. A wait is an effect: its intent is on disk
// before it begins and, by the time of its event, says until when; a repetition waits for what is left.

import { z } from "zod";
import { denied, ok, type CallContext, type Handler, type HandlerAnswer } from "./handler.ts";
import { greatest, least, narrowing } from "./narrow.ts";
import { timingPure } from "./pure/timing.ts";

const TIMING = "theater:simple/timing";

/** What is allowed where the manifest is silent, and at most, ms. A turn's own limit is mostly shorter. */
const SLEEP_MS_MAX = 3_600_000;
const SLEEP_MS_MIN = 1;

const duration = (otherwise: number) =>
  z
    .int()
    .nonnegative()
    .max(SLEEP_MS_MAX)
    .transform((ms) => ms + 0) // JSON can say -0, which the chain cannot hold
    .default(otherwise);

/** A key that is absent allows nothing. */
interface Grant {
  maxSleepDuration?: number;
  minSleepDuration?: number;
}

async function wait(
  { grant, services }: CallContext,
  durationMs: number,
  untilMs: number,
): Promise<HandlerAnswer> {
  const { maxSleepDuration = 0, minSleepDuration = 0 } = grant as Grant;
  if (durationMs > maxSleepDuration) return denied(`a wait has at most ${maxSleepDuration} ms`);
  if (durationMs < minSleepDuration) return denied(`a wait has at least ${minSleepDuration} ms`);
  return await services.clock.waitUntil(untilMs);
}

export const timing: Handler = {
  type: "timing",
  may: "read the clock and wait",
  imports: [TIMING],
  exports: [],
  config: z
    .strictObject({
      max_sleep_duration: duration(SLEEP_MS_MAX),
      min_sleep_duration: duration(SLEEP_MS_MIN),
    })
    .transform(
      ({ max_sleep_duration: maxSleepDuration, min_sleep_duration: minSleepDuration }) => ({
        maxSleepDuration,
        minSleepDuration,
      }),
    ),
  narrow: narrowing({ maxSleepDuration: least, minSleepDuration: greatest }),
  pure: timingPure,
  functions: {
    [`${TIMING}#sleep`]: {
      effect: "safe",
      call: async (context, [given]) => {
        const durationMs = Number(given);
        return await wait(context, durationMs, context.services.clock.nowMs() + durationMs);
      },
    },
    [`${TIMING}#deadline`]: {
      effect: "safe",
      call: async (context, [given]) => {
        const untilMs = Number(given);
        const durationMs = untilMs - context.services.clock.nowMs();
        return durationMs <= 0 ? ok(null) : await wait(context, durationMs, untilMs);
      },
    },
  },
};
