// The one door of a workerd that replays a file: events from a place on, and raw blocks by name. Read-only.

import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { Response } from "miniflare";
import type { CarIndex } from "./car-index.ts";

/** Answers what `src/replay-worker.ts` asks. `more`: blocks that are not in the file, by hex of the digest. */
export function doorTo(
  path: string,
  index: CarIndex,
  more: ReadonlyMap<string, Uint8Array>,
): (request: { url: string }) => Promise<Response> {
  return async ({ url }) => {
    const [, kind, name = ""] = new URL(url).pathname.split("/");
    if (kind === "events") {
      const { seq, at } = index.stretch(Number(name));
      const stream = Readable.toWeb(createReadStream(path, { start: at }));
      return new Response(stream, { headers: { "first-seq": String(seq) } });
    }
    const bytes = more.get(name) ?? (await blockOf(path, index, name));
    return bytes === undefined ? new Response(null, { status: 404 }) : new Response(bytes.slice());
  };
}

async function blockOf(
  path: string,
  index: CarIndex,
  name: string,
): Promise<Uint8Array | undefined> {
  const place = index.block(name);
  if (place === undefined) return undefined;
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(
      new Uint8Array(place.bytes),
      0,
      place.bytes,
      place.at,
    );
    return bytesRead === place.bytes ? buffer : undefined;
  } finally {
    await file.close();
  }
}
