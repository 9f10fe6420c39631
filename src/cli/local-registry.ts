// The handlers as a manifest's folder knows them: Theater's own, and for the plug-ins whose WIT lies in wit/
// stand-ins that nobody can call. Which plug-ins there are where the actor will run, the server knows.

import { z } from "zod";
import { impossible, type Handler } from "../handlers/handler.ts";
import { grantName } from "../handlers/plugin-grant.ts";
import { HANDLERS, Registry } from "../handlers/registry.ts";
import { readWit } from "../executor/wit-read.ts";
import { readPluginWit } from "./build-wit.ts";

/** `tables`: those of `[[handler]]`. Throws bad-component and bad-request for a text that cannot be read. */
export async function localRegistry(folder: string, tables: unknown): Promise<Registry> {
  const { files } = await readPluginWit(folder);
  if (files.length === 0) return new Registry(HANDLERS);
  const rows = Array.isArray(tables) ? (tables as unknown[]).map(rowOf) : [];
  const foreign = rows.filter(({ type }) => !HANDLERS.some((each) => each.type === type));
  const handlers: Handler[] = [];
  for (const { text } of files) {
    const functions = [...readWit(text).keys()];
    for (const name of new Set(functions.map((about) => about.replace(/#.*/, "")))) {
      const elsewhere = rows.some((row) => row.type === "plugin" && row.interface === name);
      // A folder does not say which registered plug-in serves what: each type takes the next interface.
      const type = elsewhere ? grantName(name) : foreign.shift()?.type;
      const own = functions.filter((about) => about.startsWith(`${name}#`));
      if (type === undefined) continue;
      handlers.push({
        ...standIn(type),
        imports: [name],
        wit: text,
        functions: functionsOf(own),
      });
    }
  }
  return new Registry([...HANDLERS, ...handlers, ...foreign.map(({ type }) => standIn(type))]);
}

function rowOf(row: unknown): { type: string; interface: string } {
  const { type = "", interface: name = "" } = (row ?? {}) as Record<string, unknown>;
  return { type: String(type), interface: String(name) };
}

/** Its keys are the plug-in's own, which the server checks. */
function standIn(type: string): Handler {
  return {
    type,
    may: "use a plug-in of the deployment",
    imports: [],
    exports: [],
    config: z.record(z.string(), z.json()),
    narrow: (held) => held,
    pure: {},
    functions: {},
  };
}

function functionsOf(own: readonly string[]): Handler["functions"] {
  return Object.fromEntries(own.map((about) => [about, impossible("it is not here")]));
}
