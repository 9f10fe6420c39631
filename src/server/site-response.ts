// What an actor answered, as it leaves. On an origin that actors share with the API and with each other, a page
// may not act as that origin, and no actor may speak for the host.

import type { HttpReply } from "../runtime/protocol.ts";
import { eventHeader } from "./problem.ts";
import type { SiteAddress } from "./site-address.ts";

/**
 * Makes a document an origin of its own: it cannot read what another actor's pages stored, nor the cookies.
 * What pages do for their users still works.
 */
const SANDBOX =
  "sandbox allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox " +
  "allow-scripts allow-top-navigation-by-user-activation";

/** What holds for a whole host or connection. */
const OF_HOST: ReadonlySet<string> = new Set([
  "alt-svc",
  "clear-site-data",
  "nel",
  "origin-agent-cluster",
  "report-to",
  "reporting-endpoints",
  "service-worker-allowed",
  "strict-transport-security",
]);

export function siteResponse(
  { status, headers: given, body, isChunked, event }: HttpReply,
  method: string,
  { prefix }: SiteAddress,
): Response {
  const headers = new Headers();
  for (const [name, value] of given) {
    const shown = prefix === "" ? value : onSharedOrigin(name.toLowerCase(), value, prefix);
    if (shown !== undefined) headers.append(name, shown);
  }
  if (prefix !== "") headers.append("content-security-policy", SANDBOX);
  headers.set("x-content-type-options", "nosniff");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  headers.set("theater-event", eventHeader(event)["theater-event"]);
  if (method === "HEAD") {
    if (body instanceof Uint8Array) headers.set("content-length", String(body.length));
    return new Response(null, { status, headers });
  }
  headers.delete("content-length");
  const content = body instanceof Uint8Array && isChunked ? streamOf(body) : body;
  // The guest's bytes are what its content-encoding says already.
  return new Response(content, { status, headers, encodeBody: "manual" });
}

/** Of a length that is not known ahead, so that it leaves in chunks. */
function streamOf(body: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(body);
      controller.close();
    },
  });
}

/** Undefined where the header is not an actor's to send. */
function onSharedOrigin(name: string, value: string, prefix: string): string | undefined {
  if (OF_HOST.has(name)) return undefined;
  if (name === "set-cookie") return below(value, prefix);
  // As a reverse proxy does: an actor knows its own paths only.
  const isOwnPath = /^\/(?!\/)/.test(value) && !`${value}/`.startsWith(`${prefix}/`);
  return name === "location" && isOwnPath ? prefix + value : value;
}

/** A cookie that is sent to the actor that set it, and to no other. */
function below(cookie: string, prefix: string): string {
  const [pair = "", ...attributes] = cookie.split(";").map((part) => part.trim());
  const nameOf = (attribute: string): string => attribute.split("=")[0]?.trim().toLowerCase() ?? "";
  const path =
    attributes
      .find((each) => nameOf(each) === "path")
      ?.split("=")[1]
      ?.trim() ?? "/";
  const own = `${path}/`.startsWith(`${prefix}/`)
    ? path
    : prefix + (path.startsWith("/") ? path : "/");
  const kept = attributes.filter((each) => !["path", "domain"].includes(nameOf(each)));
  return [pair, `Path=${own}`, ...kept].join("; ");
}
