// `theater:simple/message-server-host`: messages to other actors. A send, an answer to an earlier request and
// what is said on a channel leave when the turn commits; a request and the opening of a channel are answered
// within the turn, so they are journalled before they go out.

import { z } from "zod";
import { isActorId } from "../chain/actor-id.ts";
import type { Value } from "../chain/value.ts";
import { err, isOk, type Handler } from "./handler.ts";
import { narrowing } from "./narrow.ts";

const HOST = "theater:simple/message-server-host";

function target(args: readonly Value[]): { to: string; body: Uint8Array } | undefined {
  const [to, body] = args;
  if (typeof to !== "string" || !isActorId(to) || !(body instanceof Uint8Array)) return undefined;
  return { to, body };
}

const NOT_AN_ID = "not an actor id: ids have 32 characters of a-z and 2-7";

export const messageServer: Handler = {
  type: "message-server",
  may: "take messages, and send to and ask any actor",
  imports: [HOST],
  exports: ["theater:simple/message-server-client"],
  config: z.strictObject({}),
  narrow: narrowing({}),
  pure: {},
  functions: {
    [`${HOST}#send`]: {
      effect: "local",
      call: async ({ services }, args) => {
        const message = target(args);
        if (message === undefined) return err(NOT_AN_ID);
        return await services.send(message.to, message.body);
      },
      sends: target,
    },
    [`${HOST}#request`]: {
      effect: "by-id",
      call: async ({ services, callId }, args) => {
        const message = target(args);
        if (message === undefined) return err(NOT_AN_ID);
        return await services.request(message.to, message.body, callId);
      },
    },
    [`${HOST}#list-outstanding-requests`]: {
      effect: "local",
      call: async ({ services }) => services.requests.list(),
    },
    [`${HOST}#respond-to-request`]: {
      effect: "local",
      call: async ({ services }, [id, reply]) =>
        services.requests.respond(id as string, reply as Uint8Array), // by their WIT types
      again: async ({ services }, [id, reply], recorded) => {
        if (isOk(recorded)) services.requests.again(id as string, reply as Uint8Array);
      },
    },
    [`${HOST}#cancel-request`]: {
      effect: "local",
      call: async ({ services }, [id]) => services.requests.cancel(id as string),
      again: async ({ services }, [id], recorded) => {
        if (isOk(recorded)) services.requests.again(id as string, null);
      },
    },
    [`${HOST}#open-channel`]: {
      effect: "by-id",
      call: async ({ services, callId }, args) => {
        const first = target(args);
        if (first === undefined) return err(NOT_AN_ID);
        return await services.channels.open(first.to, first.body, callId);
      },
      again: async ({ services, callId }, args, recorded) => {
        const first = target(args);
        if (first !== undefined) services.channels.openAgain(first.to, callId, isOk(recorded));
      },
    },
    [`${HOST}#send-on-channel`]: {
      effect: "local",
      call: async ({ services }, [id, body]) =>
        services.channels.send(id as string, body as Uint8Array),
      sends: ([channel, body]) => ({
        channel: channel as string,
        body: body as Uint8Array,
        close: false,
      }),
    },
    [`${HOST}#close-channel`]: {
      effect: "local",
      call: async ({ services }, [id]) => services.channels.close(id as string),
      sends: ([channel]) => ({ channel: channel as string, body: new Uint8Array(0), close: true }),
    },
  },
};
