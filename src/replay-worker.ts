// The composition root of a replay without a server: `theater replay file.car` runs it in a workerd of its own. It
// has the Loader, and a door to one file that it can only read; no network, no storage, no actors.

import { LoaderExecutor } from "./executor/loader-executor.ts";
import { HANDLERS, Registry } from "./handlers/registry.ts";
import { fromHex, toHex } from "./lib/bytes.ts";
import { ensureTheaterError } from "./lib/errors.ts";
import { PLUGINS } from "./plugins.ts";
import { fileSource, modulesOfFile, type ChainFile, type FileChain } from "./replay/file-source.ts";
import { replay } from "./replay/replay.ts";

interface Environment {
  LOADER: WorkerLoader;
  /** The file, see `cli/replay-door.ts`. */
  FILE: Fetcher;
}

/** What to replay, and for how long. */
interface Asked extends FileChain {
  cursor: string | null;
  runMs: number;
  /** Hex of the digest of a component that runs instead of the recorded one; the door has its bytes. */
  component: string | null;
}

const registry = new Registry([...HANDLERS, ...PLUGINS]);

export default {
  async fetch(request, { LOADER, FILE }): Promise<Response> {
    const asked = await request.json<Asked>();
    const file = fileBehind(FILE);
    const executor = new LoaderExecutor(LOADER, registry.isPure);
    const { component, cursor, runMs } = asked;
    const digest = component === null ? undefined : fromHex(component);
    try {
      const source = fileSource(file, asked, ({ component: named }) =>
        modulesOfFile(file, named, executor),
      );
      const report = await replay({
        source,
        executor,
        functions: (about) => registry.findHostFunction(about)?.fn,
        override:
          digest === undefined
            ? undefined
            : async (recorded) => ({
                ...recorded,
                ...(await modulesOfFile(file, digest, executor)),
                component: digest,
              }),
        cursor,
        runMs,
      });
      return Response.json({ ok: true, report });
    } catch (thrown) {
      const { code, message, evidence } = ensureTheaterError(thrown);
      return Response.json({ ok: false, error: { code, message, evidence } });
    }
  },
} satisfies ExportedHandler<Environment>;

function fileBehind(door: Fetcher): ChainFile {
  return {
    async from(seq) {
      const { body, headers } = await door.fetch(`http://file/events/${seq}`);
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        if (body !== null) yield* body as ReadableStream<Uint8Array>;
      };
      return { seq: Number(headers.get("first-seq")), chunks: chunks() };
    },
    async block(digest) {
      const response = await door.fetch(`http://file/blocks/${toHex(digest)}`);
      return response.ok ? await response.bytes() : null;
    },
  };
}
