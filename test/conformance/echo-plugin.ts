// A plug-in for the component in C: gives back one value of all the types that wit/ makes little or no use of.

import { z } from "zod";
import { ok, type Handler } from "../../src/handlers/handler.ts";
import { narrowing } from "../../src/handlers/narrow.ts";
import { ECHO_WIT } from "./echo-wit.ts";

export const echo: Handler = {
  type: "abi-echo",
  wit: ECHO_WIT,
  imports: ["test:abi/echo"],
  exports: [],
  config: z.strictObject({}),
  narrow: narrowing({}),
  pure: {},
  functions: {
    "test:abi/echo#same": { effect: "local", call: async (_, [all]) => ok(all ?? null) },
  },
};
