// A component at an https address, fetched once, for an operator who may start actors. Rules: no address of a
// private network at any hop, no more bytes than a component may have, and one deadline for all of it.
//
// A public name can still resolve to a private address, which nobody here can see; Cloudflare's own fetch
// reaches no private network. Where `allowLocal` is set (`theater dev`) there is nothing to protect.

import { parseDigest } from "../../chain/cid.ts";
import { isLocalHost } from "../../handlers/origin-pattern.ts";
import { concat, equalBytes } from "../../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import { digestOf } from "../../store/store.ts";

const REDIRECTS_MAX = 5;
const FETCH_MS_MAX = 30_000;

export interface RemoteOptions {
  /** Also http, and addresses of this machine and its networks. */
  allowLocal: boolean;
  bytesMax: number;
  /** 30 seconds unless a test says less. */
  deadlineMs?: number;
}

export function isRemote(reference: string): boolean {
  return /^https?:/i.test(reference);
}

/**
 * The bytes behind the address; `#sha256:<hex>` at its end pins them. Throws `bad-manifest` for an address that
 * is not followed, `not-found`, `too-large`, `content-corrupt` where the pin differs, and `unavailable`.
 */
export async function fetchComponent(
  reference: string,
  { allowLocal, bytesMax, deadlineMs = FETCH_MS_MAX }: RemoteOptions,
): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(deadlineMs);
  const first = readAddress(reference, allowLocal);
  const pin = pinOf(first);
  try {
    const bytes = await bytesOf(await follow(first, allowLocal, signal), bytesMax);
    if (pin !== undefined && !equalBytes(pin, await digestOf(bytes))) {
      const message = "The component at this address is another one than the manifest pins.";
      throw new TheaterError("content-corrupt", message, { key: "component" });
    }
    return bytes;
  } catch (thrown) {
    if (thrown instanceof TheaterError) throw thrown;
    const { message } = ensureTheaterError(thrown);
    throw new TheaterError("unavailable", `${first.host} could not be asked: ${message}`);
  }
}

async function follow(first: URL, allowLocal: boolean, signal: AbortSignal): Promise<Response> {
  let url = first;
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const response = await fetch(url, { redirect: "manual", signal });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) {
      return checked(response, url);
    }
    await response.body?.cancel();
    url = readAddress(location, allowLocal, url);
  }
  throw refused(first.href, `it redirects more than ${REDIRECTS_MAX} times`);
}

async function checked(response: Response, url: URL): Promise<Response> {
  if (response.status === 200) return response;
  await response.body?.cancel();
  const isGone = response.status === 404 || response.status === 410;
  const message = `${url.host} answered ${response.status} for the component.`;
  throw new TheaterError(isGone ? "not-found" : "unavailable", message, { key: "component" });
}

async function bytesOf({ body }: Response, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (body === null) return new Uint8Array(0);
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(chunks);
    length += value.length;
    if (length > bytesMax) {
      await reader.cancel();
      const message = `The component has more than ${bytesMax} bytes.`;
      throw new TheaterError("too-large", message, { limit: bytesMax });
    }
    chunks.push(value);
  }
}

/** Throws `bad-manifest`. The URL parser has given every spelling of an IP address one form. */
function readAddress(text: string, allowLocal: boolean, base?: URL): URL {
  const url = URL.parse(text, base);
  if (url === null) throw refused(text, "it is no address");
  const isLocal = isLocalHost(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal && allowLocal)) {
    throw refused(text, "only https is fetched");
  }
  if (url.username !== "" || url.password !== "") throw refused(text, "it has a password in it");
  if (isLocal && !allowLocal) throw refused(text, `${url.hostname} is no public host`);
  return url;
}

function pinOf({ hash, href }: URL): Uint8Array | undefined {
  if (hash === "") return undefined;
  const pin = parseDigest(hash.slice(1));
  if (pin === undefined) throw refused(href, "behind # only sha256:<64 hex digits> may stand");
  return pin;
}

function refused(address: string, reason: string): TheaterError {
  const message = `The component's address is not followed: ${reason}.`;
  return new TheaterError("bad-manifest", message, {
    key: "component",
    found: address.slice(0, 512),
  });
}
