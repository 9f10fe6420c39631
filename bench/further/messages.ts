// What a message takes that is not like those of the comparison: from actor to actor, and large.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildActor } from "../../src/cli/build-actor.ts";
import { medianMs, type FurtherOptions, type Measurement } from "./measurement.ts";

const FOLDER = join(import.meta.dirname, "..");
const TINY = join(FOLDER, "../test/fixtures/tiny.wasm");
const LARGE_BYTES = 10_000_000;

export async function messageTimes({ bench, isQuick }: FurtherOptions): Promise<Measurement[]> {
  const count = isQuick ? 30 : 200;
  const asked = await bench.start(await bench.upload(await readFile(TINY)));
  const { component } = await buildActor(join(FOLDER, "asker"));
  const asker = await bench.start(await bench.upload(component));
  const request = (id: string, body: string) => async (): Promise<void> => {
    const answer = await bench.call("POST", `/v1/actors/${id}/request`, body);
    if (answer.status !== 200) throw new Error(`answered ${answer.status} ${String(answer.body)}`);
  };
  await medianMs(10, request(asker, asked));
  const through = await medianMs(count, request(asker, asked));
  const plain = await medianMs(count, request(asked, "x"));
  return [
    { id: "request.plain", name: "a request, component in C", value: plain, unit: "ms" },
    {
      id: "request.between",
      name: "a request in which a TypeScript actor asks that one",
      value: through,
      unit: "ms",
    },
    ...(await largeBody({ bench, isQuick })),
  ];
}

/** Messages end at 1 MiB; a body over HTTP may be larger. */
async function largeBody({ bench, isQuick }: Omit<FurtherOptions, "note">): Promise<Measurement[]> {
  const { component } = await buildActor(join(FOLDER, "intake"));
  const handler = ["http-framework", "timing", "runtime"].map((type) => ({ type }));
  const manifest = { name: "intake", version: "1", component: await bench.upload(component) };
  const { id } = await bench.json<{ id: string }>(
    "POST",
    "/v1/actors",
    JSON.stringify({ manifest: { ...manifest, handler } }),
  );
  const body = new Uint8Array(LARGE_BYTES).fill(120);
  const value = await medianMs(isQuick ? 2 : 5, async () => {
    const answer = await bench.call("POST", `/v1/actors/${id}/http/`, body);
    if (answer.body.toString() !== String(LARGE_BYTES)) {
      throw new Error(`answered ${answer.status} ${answer.body.toString().slice(0, 200)}`);
    }
  });
  const name = "an HTTP request of 10 MB to a TypeScript actor, recorded";
  return [{ id: "request.large", name, value, unit: "ms" }];
}
