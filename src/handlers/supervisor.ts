// `theater:simple/supervisor`: an actor's own children, and what the actor is told of their ends. Which actors
// are its children, and what may be done to them, the runtime knows; here is only the form.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import {
  ok,
  type ChainView,
  type Handler,
  type HandlerAnswer,
  type HostFunction,
  type Services,
} from "./handler.ts";
import { narrowing } from "./narrow.ts";

const SUPERVISOR = "theater:simple/supervisor";

/** The answer of get-child-events: of the child's events the chain keeps only which they were. */
export function shownEvents({ events, recorded }: ChainView): HandlerAnswer {
  const list = events.map(({ digest, parent, type, payload, time }) => ({
    hash: digest,
    "parent-hash": parent === null ? null : [parent],
    "event-type": type,
    data: payload,
    timestamp: time,
    description: null,
  }));
  return { ...ok(list), recorded: { ok: recorded } };
}

async function recalled(chainAgain: Services["chainAgain"], recorded: Value): Promise<Value> {
  const range = (recorded as { ok?: Value }).ok;
  return range === undefined ? recorded : shownEvents(await chainAgain(range)).result;
}

/** An option<list<u8>>, by its WIT type. */
function bytesOf(option: Value | undefined): Uint8Array | null {
  const [bytes] = (option ?? []) as readonly Uint8Array[];
  return bytes ?? null;
}

const textOf = (value: Value | undefined): string => value as string; // a string, by its WIT type

/** Each acts under its call's id: a repetition finds what the first one did. */
const acts: Record<string, HostFunction["call"]> = {
  spawn: ({ services, callId }, [manifest, state]) =>
    services.children.spawn(textOf(manifest), bytesOf(state), callId),
  resume: ({ services, callId }, [manifest, state]) =>
    services.children.resume(textOf(manifest), bytesOf(state), callId),
  "stop-child": ({ services, callId }, [id]) => services.children.stop(textOf(id), callId),
  "restart-child": ({ services, callId }, [id]) => services.children.restart(textOf(id), callId),
};

export const supervisor: Handler = {
  type: "supervisor",
  may: "start, stop, restart and look into children of its own",
  imports: [SUPERVISOR],
  exports: ["theater:simple/supervisor-handlers"],
  config: z.strictObject({}),
  narrow: narrowing({}),
  pure: {},
  functions: {
    ...Object.fromEntries(
      Object.entries(acts).map(([name, call]): [string, HostFunction] => [
        `${SUPERVISOR}#${name}`,
        { effect: "by-id", call },
      ]),
    ),
    [`${SUPERVISOR}#list-children`]: {
      effect: "local",
      call: ({ services }) => Promise.resolve(services.children.list()),
    },
    [`${SUPERVISOR}#get-child-state`]: {
      effect: "safe",
      call: ({ services }, [id]) => services.children.state(textOf(id)),
    },
    [`${SUPERVISOR}#get-child-events`]: {
      effect: "safe",
      call: ({ services }, [id]) => services.children.events(textOf(id)),
      recall: recalled,
    },
  },
};
