// Component bytes → a module set, on this machine: in a workerd of its own, by the code that serves uploads, so that an
// actor's genesis names the same one whichever way its component came.

import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { TheaterError, type ErrorCode } from "../lib/errors.ts";
import { bundleWorker } from "./bundle.ts";
import { asObject } from "./client.ts";
import { loopback } from "./loopback.ts";
import { readPlatform } from "./platform.ts";

export interface MadeModules {
  /** The index that names the files by their digests. */
  index: Uint8Array;
  files: { name: string; bytes: Uint8Array }[];
}

export interface ComponentTranspiler {
  /** Throws what an upload of the component throws. */
  transpile(component: Uint8Array): Promise<MadeModules>;
  dispose(): Promise<void>;
}

export async function startTranspiler(): Promise<ComponentTranspiler> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...loopback(await readPlatform()),
      modules: await bundleWorker({ entry: "src/bundle-worker.ts" }),
      workerLoaders: { LOADER: {} },
    }),
  );
  await miniflare.ready;
  return {
    async transpile(component) {
      const asked = { method: "POST", body: component };
      const answer = await miniflare.dispatchFetch("http://bundle/", asked);
      const told = asObject(await answer.json(), "answer");
      if (told["ok"] !== true) {
        const { code, message } = asObject(told["error"], "error");
        throw new TheaterError(String(code) as ErrorCode, String(message));
      }
      const made = told["files"] as readonly { name: string; base64: string }[];
      const files = made.map(({ name, base64 }) => ({ name, bytes: bytesOf(base64) }));
      return { index: bytesOf(String(told["index"])), files };
    },
    dispose: () => miniflare.dispose(),
  };
}

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));
