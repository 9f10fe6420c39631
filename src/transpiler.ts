// The transpiler's isolate: component bytes in, JavaScript and core modules out. It runs alone, for one
// component, with no network and no bindings, because it parses bytes that nobody has vouched for.

import { WorkerEntrypoint } from "cloudflare:workers";

interface TranspileInput {
  component: Uint8Array;
  /** "interface#function" of each import that the host answers asynchronously, and of each export. */
  asyncImports: string[];
  asyncExports: string[];
}

/** An outcome as a value: a thrown error would lose its cause on the way out of the isolate. */
type TranspileAnswer = { files: [string, Uint8Array][] } | { error: string };

export default class Transpiler extends WorkerEntrypoint {
  async transpile(input: TranspileInput): Promise<TranspileAnswer> {
    try {
      // Evaluated here and not at the top: it instantiates wasm asynchronously, and a promise that is
      // made outside of a request never settles inside one (measured on workerd 1.20261102).
      const { generate } = await import("@bytecodealliance/jco/component");
      const { files } = await generate(input.component, {
        name: "component",
        noTypescript: true,
        noNodejsCompat: true,
        // Synchronous instantiation works with JSPI, and lets instances be prepared ahead of a turn.
        instantiation: { tag: "sync" },
        asyncMode: {
          tag: "jspi",
          val: { imports: input.asyncImports, exports: input.asyncExports },
        },
        // A guest's err() arrives as its own value, so that it can be told from a trap.
        noComponentErrorWrapping: true,
        base64Cutoff: 0,
        map: [],
      });
      return { files };
    } catch (thrown) {
      return { error: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  }
}
