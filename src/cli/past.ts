// `theater revert` and `theater fork`: going back to an earlier state, and branching from it.

import { readFile } from "node:fs/promises";
import { parseDigest } from "../chain/cid.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { asCount, askJson, asObject, asText } from "./client.ts";
import type { Context } from "./context.ts";
import { printable } from "./output.ts";

export interface RevertOptions {
  turns?: number;
  to?: number;
  reason: string;
  key?: string;
}

export interface ForkOptions {
  at: number;
  /** A file or a digest. */
  with?: string;
  name?: string;
  key?: string;
}

const headersFor = (key: string | undefined): Record<string, string> => ({
  "content-type": "application/json",
  ...(key === undefined ? {} : { "idempotency-key": key }),
});

export async function revert(
  { connection, output }: Context,
  id: string,
  { key, ...body }: RevertOptions,
): Promise<void> {
  const answer = await askJson(connection, "POST", `${actorPath(id)}/revert`, {
    headers: headersFor(key),
    body: JSON.stringify(body),
  });
  const event = asObject(answer["event"], "event");
  const place = `${asCount(event["seq"], "seq")}:${asText(event["cid"], "cid")}`;
  const toSeq = asCount(answer["toSeq"], "toSeq");
  output.show(answer, () => `back to the state after event ${toSeq}, as event ${place} says`);
}

export async function fork(
  context: Context,
  id: string,
  { at, name, key, ...options }: ForkOptions,
): Promise<void> {
  const { connection, output } = context;
  const component = options.with === undefined ? undefined : await uploaded(context, options.with);
  const answer = await askJson(connection, "POST", `${actorPath(id)}/chain/fork`, {
    headers: headersFor(key),
    body: JSON.stringify({ at, component, name }),
  });
  output.show(answer, () => printable(asText(answer["id"], "id")));
}

/** The digest of a component, which is uploaded where it is a file. */
async function uploaded({ connection, output }: Context, given: string): Promise<string> {
  if (parseDigest(given) !== undefined) return given;
  const body = await readFile(given).catch(() => {
    const message = `${given} is neither sha256:… nor a file here: build the component first.`;
    throw new TheaterError("bad-request", message);
  });
  output.note(`uploading ${given} (${body.length} bytes)`);
  const headers = { "content-type": "application/wasm" };
  const answer = await askJson(connection, "PUT", "/v1/components", { body, headers });
  return asText(answer["component"], "component");
}
