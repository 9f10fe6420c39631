// Writes src/handlers/signatures.json from wit/. Run it after a change there:
// `node test/attack/make-signatures.ts && npx oxfmt src/handlers`. A test compares the two.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { componentEmbed, componentNew } from "@bytecodealliance/jco-transpile/wasm-tools";
import { describeComponent } from "../../src/executor/describe-component.ts";
import { bareFunction } from "../../src/executor/wit-signature.ts";

export const SIGNATURES = "src/handlers/signatures.json";

/** Both packages of wit/ as one text, because wasm-tools cannot read folders here. */
export function packageText(): string {
  return `package theater:all;
    world everything {
      include theater:simple/everything;
      import theater:edge/timers;
      import theater:edge/websockets;
      import theater:edge/http-stream;
      export theater:edge/timers-client;
      export theater:edge/upgrade;
    }
    package theater:simple { ${bodyOf("wit")} }
    package theater:edge { ${bodyOf("wit/edge")} }`;
}

/** The files of a package without what names it. */
function bodyOf(folder: string): string {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".wit"))
    .map((file) => readFileSync(`${folder}/${file}`, "utf8"))
    .map((text) => text.replace(/(?:^\/\/\/.*\n)*^package [a-z:]+;$/m, ""))
    .join("\n");
}

/** By `interface#function`. */
export async function makeSignatures(): Promise<string> {
  const witSource = packageText();
  const embedded = await componentEmbed({ dummy: true, witSource, world: "everything" });
  const { imports, exports } = describeComponent(await componentNew(embedded, []));
  const functions = [...imports, ...exports].flatMap((one) =>
    Object.entries(one.functions).map(([fn, type]) => [`${one.name}#${fn}`, bareFunction(type)]),
  );
  return `${JSON.stringify(Object.fromEntries(functions), null, 2)}\n`;
}

if (import.meta.main) writeFileSync(SIGNATURES, await makeSignatures());
