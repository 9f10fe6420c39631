// What it takes from the upload of a component that nobody has seen to the first reply of an actor of it: PUT, POST and
// POST, one after the other on one connection. Beside it, the transpilation alone, in a workerd that does nothing else:
// the same bytes in the same request, described, transpiled by jco in a throw-away isolate and made fit for workerd, and
// nothing of it kept. Each time the bytes are others, and they are made before the clock starts.

import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bundleWorker } from "../../src/cli/bundle.ts";
import { loopback, LOOPBACK } from "../../src/cli/loopback.ts";
import { readPlatform } from "../../src/cli/platform.ts";
import { variant } from "../further/measurement.ts";
import { bytesOf, measure, newestWorkerd, told, type Contender, type Times } from "./contender.ts";
import { Theater } from "./theater.ts";

/** `path`: "/" for the transpilation alone, "/load" to start the isolate of it as well. */
async function transpilation(name: string, wasm: Uint8Array, path: string): Promise<Contender> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...loopback(await readPlatform()),
      modules: await bundleWorker({ entry: "bench/spawn/transpile-worker.ts" }),
      unsafeDirectSockets: [{ host: LOOPBACK, port: 0 }],
      workerLoaders: { LOADER: {} },
    }),
  );
  await miniflare.ready;
  const { port } = await miniflare.unsafeGetDirectURL();
  return {
    name,
    port: Number(port),
    workerd: await newestWorkerd(),
    ready(connection, n) {
      const asked = bytesOf({ method: "POST", path, body: variant(wasm, n) });
      return async () => void (await told(connection, asked));
    },
    stop: () => miniflare.dispose(),
  };
}

async function upload(name: string, wasm: Uint8Array): Promise<Contender> {
  const theater = await Theater.open();
  const { port, workerd, stop } = theater;
  return {
    name,
    port,
    workerd,
    ready(connection, n) {
      const asked = theater.upload(variant(wasm, n));
      return () => theater.firstReply(connection, asked);
    },
    stop,
  };
}

/** The first of them is the transpilation alone, the last what is held against it. */
export async function uploads(
  wasm: Uint8Array,
  given: { rounds: number; times: number; all?: boolean; note?: (line: string) => void },
): Promise<Times[]> {
  const contenders = [await transpilation("transpilation alone", wasm, "/")];
  if (given.all) {
    contenders.push(await transpilation("and the start of its isolate", wasm, "/load"));
  }
  contenders.push(await upload("upload to first reply", wasm));
  return await measure(contenders, given);
}
