// `theater export`: a chain as a file, streamed from the server to the disk. Rule: a file that is there is
// whole; whether it is right is for `theater verify` to say, so a broken chain is exported as it is.

import { readCar } from "../chain/car.ts";
import { cidText } from "../chain/cid.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { chainHead, linesOfServer, linesTo, received } from "./chain-source.ts";
import { ask } from "./client.ts";
import type { Context } from "./context.ts";
import { fetchCheckpoint } from "./proofs-client.ts";
import { openSink, writeWhole, type Sink } from "./whole-file.ts";

export interface ExportOptions {
  /** `-` is standard output; by default `<id>.car`. */
  output?: string;
  from: number;
  to?: number;
  /** Names for `?include=`, or `none`; by default all that a replay needs, for a chain from its beginning. */
  include?: string;
  /** A file for the signed checkpoint. */
  checkpoint?: string;
}

interface Exported {
  /** CID of the last event in it. */
  head: string;
  bytes: number;
}

/** What it takes to replay a chain, besides its events. */
const ALL = "manifest,component,blocks";
const NONE = "none";

/** Lines leave in chunks of about this size. */
const CHUNK_CHARS = 64 * 1024;

export async function exportChain(
  context: Context,
  id: string,
  options: ExportOptions,
): Promise<void> {
  const { output } = context;
  const path = options.output ?? `${id}.car`;
  const isLines = path.endsWith(".ndjson");
  if (isLines && options.include !== undefined) {
    throw new TheaterError("bad-request", "Lines hold events only: export a .car with --include.");
  }
  // Before the chain, so that the chain reaches the size that was signed.
  if (options.checkpoint !== undefined) await saveCheckpoint(context, id, options.checkpoint);
  const sink = await openSink(path);
  let exported: Exported;
  try {
    exported = await (isLines ? writeLines : writeCar)(context, id, options, sink);
    await sink.finish();
  } catch (thrown) {
    await sink.discard();
    throw thrown;
  }
  const { head, bytes } = exported;
  if (path === "-") return;
  output.show({ file: path, bytes, head }, () => `${path}  ${bytes} bytes, head ${head}`);
}

async function saveCheckpoint({ connection }: Context, id: string, path: string): Promise<void> {
  const note = await fetchCheckpoint(connection, id);
  if (note === null) {
    throw new TheaterError(
      "unsupported",
      "This server signs nothing: export without --checkpoint.",
    );
  }
  await writeWhole(path, note);
}

/** Reads the blocks as they pass: a file is whole when it goes on to its end behind the event that is its root. */
async function writeCar(
  { connection }: Context,
  id: string,
  { from, to, include = from === 0 ? ALL : NONE }: ExportOptions,
  sink: Sink,
): Promise<Exported> {
  const query = new URLSearchParams({ from: String(from) });
  if (to !== undefined) query.set("to", String(to));
  if (include !== NONE) query.set("include", include);
  const { body } = await ask(connection, "GET", `${actorPath(id)}/chain?${query.toString()}`, {
    headers: { accept: "application/vnd.ipld.car" },
  });
  let bytes = 0;
  const passing = async function* (): AsyncGenerator<Uint8Array> {
    if (body === null) return;
    for await (const chunk of received(body, connection.url)) {
      bytes += chunk.length;
      await sink.write(chunk);
      yield chunk;
    }
  };
  try {
    const { root, blocks } = await readCar(passing());
    const head = cidText(root);
    let isThere = false;
    for await (const { link } of blocks) isThere ||= cidText(link) === head;
    if (isThere) return { head, bytes };
  } catch (thrown) {
    if (!(thrown instanceof TheaterError) || thrown.code !== "chain-broken") throw thrown;
    throw brokenOff({ reason: thrown.message });
  }
  throw brokenOff({ bytes });
}

async function writeLines(
  { connection }: Context,
  id: string,
  options: ExportOptions,
  sink: Sink,
): Promise<Exported> {
  const { from } = options;
  const head = await chainHead(connection, id);
  const to = Math.min(options.to ?? head.seq, head.seq);
  let [bytes, last, cid, chunk] = [0, -1, "", ""];
  const flush = async (): Promise<void> => {
    const encoded = fromUtf8(chunk);
    bytes += encoded.length;
    chunk = "";
    await sink.write(encoded);
  };
  const lines = (next: number): ReturnType<typeof linesOfServer> =>
    linesOfServer(connection, id, { from: next, to });
  for await (const { text, line } of linesTo(to, from, lines)) {
    chunk += `${text}\n`;
    [last, cid] = [line.seq, line.cid];
    if (chunk.length >= CHUNK_CHARS) await flush();
  }
  await flush();
  if (last >= to) return { head: cid, bytes };
  throw brokenOff({ expected: to, found: last });
}

function brokenOff(evidence: Record<string, unknown>): TheaterError {
  const message = "Export again: the server's answer ended before the chain did.";
  return new TheaterError("unavailable", message, evidence);
}
