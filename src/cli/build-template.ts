// The files of a new actor. They build as they are, and every line is one that an author would keep.

export function newActorFiles(name: string): Record<string, string> {
  return {
    "manifest.toml": manifest(name),
    "actor.ts": ACTOR,
    "tsconfig.json": TSCONFIG,
    "globals.d.ts": GLOBALS,
    ".gitignore": "node_modules/\n*.wasm\n",
  };
}

function manifest(name: string): string {
  return `name = "${name}"
version = "0.1.0"
component = "./${name}.wasm"

# An actor can do what its handlers grant, and nothing else.
[[handler]]
type = "runtime"

[[handler]]
type = "message-server"
`;
}

const ACTOR = `import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";

interface State {
  count: number;
}

export const { actor, messageServerClient } = defineActor<State>({
  init: (state) => state ?? { count: 0 },

  onSend: ({ count }) => ({ count: count + 1 }),

  onRequest({ count }, message) {
    log(\`request \${count + 1}: \${message.text()}\`);
    return [{ count: count + 1 }, String(count + 1)];
  },
});
`;

// Neither "dom" nor "node": an actor has none of them.
const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2023",
    "lib": ["es2024"],
    "types": [],
    "module": "esnext",
    "moduleResolution": "bundler",
    "allowImportingTsExtensions": true,
    "strict": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["*.ts"]
}
`;

const GLOBALS = `// What an actor has beyond the language. Date and Math.random need the handlers timing and random.

declare const console: Record<
  "log" | "info" | "debug" | "trace" | "warn" | "error",
  (...values: unknown[]) => void
>;
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}
declare function atob(text: string): string;
declare function btoa(text: string): string;
`;
