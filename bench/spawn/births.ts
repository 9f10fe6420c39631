// What a birth takes. On the platform's side: a request to a Durable Object that was never there, which makes one table
// and one row. On ours: `POST /v1/actors` for a component and a manifest that the server knows, until the answer: the
// actor's genesis is on disk, its init has run and is on disk, and a listing shows it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { endEverything } from "../compare/peer-process.ts";
import { serveWorker } from "../compare/worker-server.ts";
import { Connection } from "../load/connection.ts";
import { bytesOf, measure, newestWorkerd, told, type Contender, type Times } from "./contender.ts";
import { componentOf, Theater } from "./theater.ts";

const TINY = join(import.meta.dirname, "../../test/fixtures/tiny.wasm");
/** In one block. */
const BIRTHS = 20;

async function bareObject(): Promise<Contender> {
  const entry = join(import.meta.dirname, "../compare/objects-worker.ts");
  const objects = { COUNTER: "Counter", JOURNALLED: "Journalled" };
  const served = await serveWorker({ entry, objects, prefix: "/counter/" });
  return {
    name: "bare Durable Object",
    port: served.port,
    workerd: await newestWorkerd(),
    ready(connection, n) {
      const asked = bytesOf({ method: "POST", path: `/counter/new-${n}`, body: "x" });
      return async () => void (await told(connection, asked));
    },
    stop: endEverything,
  };
}

interface Kind {
  /** Each with a manifest of its own, which has to be stored. */
  named?: true;
  bundled?: true;
}

async function actor(name: string, { named, bundled }: Kind = {}): Promise<Contender> {
  const wasm = await readFile(TINY);
  const theater = await Theater.open(bundled ? wasm : undefined);
  const { port, workerd, stop } = theater;
  const first = await Connection.open(port);
  const component = componentOf(await told(first, theater.upload(wasm)));
  first.close();
  return {
    name,
    port,
    workerd,
    ready(connection, n) {
      const asked = theater.start(component, named ? `bench-${n}` : "bench");
      return async () => void (await told(connection, asked));
    },
    stop,
  };
}

/** The first of them is the bare object, the second what it is held against. */
export async function births(
  rounds: number,
  { all = false, note }: { all?: boolean; note?: (line: string) => void } = {},
): Promise<Times[]> {
  const contenders = [await bareObject(), await actor("actor of a known component")];
  if (all) {
    contenders.push(
      await actor("actor with a manifest of its own", { named: true }),
      await actor("actor of a bundled component", { bundled: true }),
    );
  }
  return await measure(contenders, { rounds, times: BIRTHS, note });
}
