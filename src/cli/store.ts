// Content by its address. What comes back is hashed here: a store that answers other bytes is found out.

import { readFile, writeFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { cidText, parseCid, parseDigest } from "../chain/cid.ts";
import { sha256 } from "../chain/hash.ts";
import { Link } from "../chain/value.ts";
import { equalBytes } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { ask, askJson, asList, asText, type JsonObject } from "./client.ts";
import { fields, printable, showBytes } from "./output.ts";
import type { Context } from "./context.ts";

export async function put(
  { connection, output }: Context,
  store: string,
  file: string,
  label: string | undefined,
): Promise<void> {
  const body = file === "-" ? await buffer(process.stdin) : await readFile(file);
  const query = label === undefined ? "" : `?${new URLSearchParams({ label }).toString()}`;
  const headers = { "content-type": "application/octet-stream" };
  const path = `${storePath(store)}/content${query}`;
  showNames(output, await askJson(connection, "PUT", path, { body, headers }));
}

export async function get(
  { connection, output }: Context,
  content: string,
  file: string | undefined,
): Promise<void> {
  const link = await resolve({ connection, output }, content);
  const response = await ask(connection, "GET", `/v1/content/${cidText(link)}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!equalBytes(sha256(bytes), link.digest)) {
    throw new TheaterError("content-corrupt", "the server sent other bytes than the hash names", {
      expected: cidText(link),
      found: cidText(new Link(link.codec, sha256(bytes))),
    });
  }
  if (file === undefined) {
    showBytes(output, "content", bytes, { cid: cidText(link) });
    return;
  }
  await writeFile(file, bytes);
  output.show({ file, bytes: bytes.length, cid: cidText(link) }, () => `${bytes.length} bytes`);
}

export async function label(
  { connection, output }: Context,
  store: string,
  name: string,
  digest: string | undefined,
): Promise<void> {
  if (digest === undefined) {
    showNames(output, await askJson(connection, "GET", labelPath(store, name)));
    return;
  }
  await ask(connection, "PUT", labelPath(store, name), {
    body: JSON.stringify({ digest }),
    headers: { "content-type": "application/json" },
  });
  output.show({ store, label: name, digest }, () => printable(`${name} → ${digest}`));
}

export async function ls({ connection, output }: Context, store: string): Promise<void> {
  const { labels } = await askJson(connection, "GET", `${storePath(store)}/labels`);
  const names = asList(labels, "labels").map((name) => asText(name, "label"));
  output.show(names, () => (names.length === 0 ? "no labels" : names.map(printable).join("\n")));
}

/** A CID, a digest, or what the label points at now. */
async function resolve({ connection }: Context, content: string): Promise<Link> {
  const digest = parseDigest(content);
  if (digest !== undefined) return new Link("raw", digest);
  const [, store, name] = /^(?:store:\/\/)?([^/]+)\/(.+)$/s.exec(content) ?? [];
  if (store === undefined || name === undefined) return parseCid(content);
  const { cid } = await askJson(connection, "GET", labelPath(store, name));
  return parseCid(asText(cid, "cid"));
}

function showNames(output: Context["output"], { cid, digest }: JsonObject): void {
  output.show({ cid, digest }, () =>
    fields([
      ["cid", printable(String(cid))],
      ["digest", printable(String(digest))],
    ]),
  );
}

const storePath = (store: string): string => `/v1/stores/${encodeURIComponent(store)}`;

const labelPath = (store: string, label: string): string =>
  `${storePath(store)}/labels/${encodeURIComponent(label)}`;
