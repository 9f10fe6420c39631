// A plug-in that is registered with Theater's own Worker: one value of the type Handler.

import { z } from "zod";
import { err, ok, type Handler } from "../../src/handlers/handler.ts";
import { least, narrowing } from "../../src/handlers/narrow.ts";
import wit from "./wit/words.wit";

export const plugin: Handler = {
  type: "words",
  may: "have words put into sentences",
  wit,
  imports: ["example:words/words"],
  exports: [],
  config: z
    .strictObject({ max_letters: z.int().positive().default(200) })
    .transform(({ max_letters }) => ({ maxLetters: max_letters })),
  narrow: narrowing({ maxLetters: least }),
  pure: {},
  functions: {
    "example:words/words#sentence": {
      effect: "local", // it reads and writes nothing
      call: async ({ grant }, [text]) => {
        const { maxLetters } = grant as { maxLetters: number };
        const words = (text as string).trim();
        if (words.length > maxLetters) return err(`at most ${maxLetters} letters`);
        return ok(`${words.charAt(0).toUpperCase()}${words.slice(1)}.`);
      },
    },
  },
};
