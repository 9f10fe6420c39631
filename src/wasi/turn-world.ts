// The world of a standard component's instance: the turn that it runs in, through the recorder.

import { abortTurn, answerHere, askHost, openTurn } from "../executor/recorder.ts";
import type { PureFunctions, TurnSlot } from "../executor/recorder.ts";
import { assert } from "../lib/errors.ts";
import type { GivenRequest } from "./incoming.ts";
import type { World } from "./world.ts";

/** `pure`: what the isolate answers, by `interface#function`. */
export function turnWorld(slot: TurnSlot, pure: PureFunctions): World {
  return {
    here(about, args) {
      const local = pure[about];
      assert(local !== undefined, `${about} is answered in the isolate`);
      return answerHere(slot, about, local, () => args);
    },
    host: (about, args) => askHost(slot, about, () => args),
    nowMs: () => openTurn(slot).time,
    end: (code, message) => abortTurn(slot, { kind: "limit", code, message }),
    get streams() {
      return slot.turn?.input.streams === true;
    },
    get answersHead() {
      const [, rest] = slot.turn?.input.params ?? [];
      const [, request] = (rest ?? []) as readonly unknown[];
      return (request as GivenRequest | undefined)?.method === "HEAD";
    },
  };
}
