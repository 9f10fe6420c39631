// The rows of `theater:edge/http-stream`: their calls are made in turns of requests for a route that streams.

import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { must, theater, type Probe } from "../runtime/stage.ts";
import { bytes, err, ok, type ImportRows } from "./import-row.ts";

export const STREAM = "theater:edge/http-stream";
/** Where the tools actor runs what a request says. */
export const STREAM_PATH = "/run";

export const httpStream: ImportRows = {
  begin: {
    works: () => [[[200, [["x-part", "one"]]], ok(null)]],
    bad: () => [[[99, []], err(/^bad-response: a status is 200 to 599/)]],
  },
  write: {
    works: () => [
      [[bytes("hello")], ok(null)],
      [[200, []], err(/^begun/), `${STREAM}#begin`],
    ],
    bad: () => [[[bytes("hello")], err(/^not-begun/)]],
  },
};

/** As `gave`, in the turn of such a request. What its guest said at the end is in the chain only. */
export async function gaveOnStream(
  actor: Probe,
  ...steps: readonly (readonly unknown[])[]
): Promise<unknown[]> {
  const from = await actor.nextSeq();
  const { body } = must(
    await theater.http(actor.id, {
      method: "POST",
      path: STREAM_PATH,
      query: "",
      headers: [],
      forwarded: { host: "example.com", proto: "https", prefix: "" },
      body: fromUtf8(JSON.stringify(steps)),
      principal: "token:test",
    }),
  );
  if (body instanceof ReadableStream) await new Response(body).text(); // its end is the commit
  const end = (await actor.events(from)).find(({ type }) => type === "turn.committed");
  const [said] = (end?.fields["result"] ?? []) as { body: [Uint8Array] }[];
  return JSON.parse(toUtf8(said?.body[0] ?? new Uint8Array(0))) as unknown[];
}
