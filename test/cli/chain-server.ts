// A server that lists one given chain as NDJSON, honest or not.

import { toLine, type Line } from "../../src/chain/ndjson.ts";
import { serve, type CannedServer } from "./canned-server.ts";

export interface Listing {
  lines: readonly Line[];
  head: { seq: number; cid: string };
  /** Events per answer; all by default. */
  limit?: number;
}

export async function serveChain({ lines, head, limit }: Listing): Promise<CannedServer> {
  return await serve(({ path }) => {
    const { pathname, searchParams } = new URL(path, "http://server");
    if (pathname.endsWith("/chain/head")) return { json: head };
    if (!pathname.endsWith("/chain")) return undefined;
    const from = Number(searchParams.get("from"));
    const to = Number(searchParams.get("to") ?? Number.POSITIVE_INFINITY);
    const wanted = lines.filter(({ seq }) => seq >= from && seq <= to).slice(0, limit);
    const body = wanted.map((line) => `${toLine(line)}\n`).join("");
    return { body, headers: { "content-type": "application/x-ndjson" } };
  });
}
