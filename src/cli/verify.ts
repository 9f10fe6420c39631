// `theater verify`: checks a chain or a receipt here. Nothing that a server or a file says about itself is
// believed: every hash is computed from the bytes that came, and only pinned keys count as signatures.

import { open } from "node:fs/promises";
import { isActorId } from "../chain/actor-id.ts";
import { TheaterError } from "../lib/errors.ts";
import type { Context } from "./context.ts";
import { verifyCarFile } from "./verify-car-file.ts";
import { verifyActor, verifyLinesFile } from "./verify-lines.ts";
import { verifyReceiptFile } from "./verify-receipt.ts";
import { checkOrigins } from "./verify-origin.ts";
import { show, type Verified, type VerifyOptions } from "./verify-report.ts";

/** The exit code: 3 if something is broken, or a payload is withheld. */
export async function verify(
  context: Context,
  what: string,
  options: VerifyOptions,
): Promise<number> {
  if (isActorId(what)) {
    if (options.after !== undefined || options.checkpoint !== undefined) {
      throw new TheaterError("bad-request", "Give --after and --checkpoint only with a file.");
    }
    return await withOrigins(context, await verifyActor(context, what, options), options);
  }
  switch (await kindOf(what)) {
    case "receipt":
      return await verifyReceiptFile(context, what, options);
    case "lines":
      return await withOrigins(context, await verifyLinesFile(context, what, options), options);
    case "car":
      return await withOrigins(context, await verifyCarFile(context, what, options), options);
  }
}

/** Shows the verdict. A chain that is broken says nothing of where it comes from. */
async function withOrigins(
  context: Context,
  verified: Verified,
  { withOrigin, after }: VerifyOptions,
): Promise<number> {
  const isKnown = verified.report.verdict === "verified" && after === undefined;
  const origins = isKnown ? await checkOrigins(context, verified.beginning, withOrigin) : [];
  if (isKnown && withOrigin !== undefined && origins.length === 0) {
    context.output.note("it is no fork: there is no origin to look at");
  }
  return show(context, verified, origins);
}

/** Enough for what each kind begins with: a receipt's first line, a listing's first keys, a CAR's header. */
const START_BYTES = 64;

/**
 * By its name, which a changed byte does not change, or else by how it begins; each kind is known by two signs,
 * of which one may be damaged. Throws `bad-request` for a file that has none of them.
 */
export async function kindOf(path: string): Promise<"receipt" | "lines" | "car"> {
  if (path.endsWith(".car")) return "car";
  if (path.endsWith(".ndjson")) return "lines";
  if (path.endsWith(".receipt")) return "receipt";
  const file = await open(path).catch(() => {
    const message = `${path} is neither an actor's id (32 characters of a-z and 2-7) nor a file here.`;
    throw new TheaterError("bad-request", message);
  });
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(START_BYTES));
    // One character for each byte, whatever it is.
    const start = String.fromCharCode(...buffer.subarray(0, bytesRead));
    if (/^c2sp\.org|^.{9}tlog-proof@/.test(start)) return "receipt";
    if (/^\s*\{"seq"|^.{0,30}"cid":/.test(start)) return "lines";
    // A map of two, whose first key, by the order of the format, is "roots".
    if (start[1] === "\xa2" || start.includes("eroots")) return "car";
  } finally {
    await file.close();
  }
  const message =
    `${path} is no chain and no receipt: it begins like none of them. ` +
    "Give an actor's id, or a file that theater export or theater receipt wrote.";
  throw new TheaterError("bad-request", message);
}
