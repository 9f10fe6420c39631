// A Worker that runs JavaScript where a transpiled component would be, and tells what came of it.

import type { Value } from "../../src/chain/value.ts";
import type { HostCall, ModuleSet, TurnInput } from "../../src/executor/executor.ts";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import { HANDLERS, Registry } from "../../src/handlers/registry.ts";
import { fromUtf8, toHex } from "../../src/lib/bytes.ts";

export interface IsolationCase {
  /** The text of component.js. */
  component: string;
  /** Whether it imports only what its isolate answers; by default it imports something of the host's too. */
  asksNobody?: boolean;
  /** The parameter of each turn, one after the other in the same isolate. */
  turns: string[];
}

export interface IsolationTurn {
  output: unknown;
  threw: string | null;
  /** What reached the host. */
  calls: { about: string; args: readonly Value[]; answered: readonly HostCall[] }[];
}

const ABOUT = "theater:simple/actor#init";

const LOG = { log: { params: [["msg", "string"]], result: null } } as const;
const ASKS = { ...LOG, "get-chain": { params: [], result: null } } as const;

const descriptionWith = (functions: typeof LOG | typeof ASKS): ModuleSet["description"] => ({
  imports: [{ name: "theater:simple/runtime", functions, types: [] }],
  exports: [
    {
      name: "theater:simple/actor",
      functions: { init: { params: [["what", "string"]], result: "string" } },
      types: [],
    },
  ],
});

async function run({ component, turns, asksNobody }: IsolationCase, loader: WorkerLoader) {
  const executor = new LoaderExecutor(loader, new Registry(HANDLERS).isPure);
  const files = { "component.js": component, "cores.js": "export const cores = {};" };
  const digest = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", fromUtf8(component))));
  const set: ModuleSet = {
    component: digest,
    transpiler: "none",
    content: "",
    description: descriptionWith(asksNobody === true ? LOG : ASKS),
    files: Object.entries(files).map(([name, text]) => ({ name, digest: text, bytes: 0 })),
  };
  const modules = {
    digest,
    load: async () => ({ set, read: async (text: string) => fromUtf8(text) }),
  };
  const ended: IsolationTurn[] = [];
  for (const what of turns) {
    const calls: IsolationTurn["calls"] = [];
    const host = {
      async call(about: string, args: readonly Value[], answered: readonly HostCall[]) {
        calls.push({ about, args, answered });
        await new Promise((resolve) => setTimeout(resolve, 5));
        return { outcome: "returned", result: { ok: null } } as const;
      },
    };
    const input: TurnInput = {
      about: ABOUT,
      params: [what],
      time: 1,
      seed: new Uint8Array(32),
      grants: {},
      turn: 1,
      hostCallsMax: 100,
    };
    try {
      ended.push({ output: await executor.run(modules, input, host), threw: null, calls });
    } catch (thrown) {
      ended.push({ output: null, threw: String(thrown), calls });
    }
  }
  return ended;
}

// oxlint-disable-next-line import/no-default-export -- workerd wants it
export default {
  async fetch(request: Request, env: { LOADER: WorkerLoader; SECRET: string }): Promise<Response> {
    return Response.json(await run(await request.json(), env.LOADER));
  },
};
