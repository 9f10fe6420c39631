// A plug-in that is registered with the Worker, for the tests.

import { z } from "zod";
import { err, ok, type Handler, type HandlerAnswer } from "../../src/handlers/handler.ts";
import { least, narrowing } from "../../src/handlers/narrow.ts";

const WORDS = "test:words/words";

export const words: Handler = {
  type: "words",
  may: "turn words around",
  wit: `package test:words;
    interface words {
      reverse: func(text: string) -> result<string, string>;
      odd: func(how: string) -> result<u8, string>;
    }`,
  imports: [WORDS],
  exports: [],
  config: z.strictObject({ max: z.int().positive().default(1_000) }),
  narrow: narrowing({ max: least }),
  pure: {},
  functions: {
    [`${WORDS}#reverse`]: {
      effect: "local",
      call: async ({ grant }, [text]) => {
        const { max } = grant as { max: number };
        const letters = Array.from(text as string);
        return letters.length > max ? err("too long") : ok(letters.reverse().join(""));
      },
    },
    [`${WORDS}#odd`]: {
      effect: "safe",
      call: async (_, [how]): Promise<HandlerAnswer> => {
        if (how === "throws") throw new Error("secret detail");
        if (how === "wrong type") return ok(256);
        return { ...ok(3), recorded: { ok: 4 } };
      },
    },
  },
};
