// `theater:simple/timing`. `now` is answered in the isolate. A wait is an effect: its intent is on disk
// before it begins and, by the time of its event, says until when; a repetition waits for what is left.

import { z } from "zod";
import { denied, ok, type CallContext, type Handler, type HandlerAnswer } from "./handler.ts";
import { timingPure } from "./pure/timing.ts";

const TIMING = "theater:simple/timing";

/** What the original allows where the manifest is silent, ms. The turn's own limit is mostly shorter. */
const SLEEP_MS_MAX = 3_600_000;

const duration = z.int().nonnegative().max(SLEEP_MS_MAX);

interface Grant {
  maxSleepMs?: number;
  minSleepMs?: number;
}

async function wait(
  { grant, services }: CallContext,
  durationMs: number,
  untilMs: number,
): Promise<HandlerAnswer> {
  const { maxSleepMs = SLEEP_MS_MAX, minSleepMs = 0 } = grant as Grant;
  if (durationMs > maxSleepMs) return denied(`a wait has at most ${maxSleepMs} ms`);
  if (durationMs < minSleepMs) return denied(`a wait has at least ${minSleepMs} ms`);
  return await services.clock.waitUntil(untilMs);
}

export const timing: Handler = {
  type: "timing",
  imports: [TIMING],
  exports: [],
  config: z
    .strictObject({
      max_sleep_duration: duration.optional(),
      min_sleep_duration: duration.optional(),
    })
    .transform(({ max_sleep_duration: maxSleepMs, min_sleep_duration: minSleepMs }) => ({
      ...(maxSleepMs === undefined ? {} : { maxSleepMs: maxSleepMs + 0 }),
      ...(minSleepMs === undefined ? {} : { minSleepMs: minSleepMs + 0 }),
    })),
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
