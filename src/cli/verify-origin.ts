// Whether a fork really comes from where its genesis says: the linked event stands in its origin's chain, the chain
// has the root that the fork names, and the fork began with the state of then. For that the origin's chain is
// verified itself, from its first event; where it is a fork too, so is the one that it comes from.

import { createReadStream } from "node:fs";
import { readCar } from "../chain/car.ts";
import { cidText } from "../chain/cid.ts";
import { decodeEvent } from "../chain/event.ts";
import type { Origin } from "../chain/event-types.ts";
import { sha256 } from "../chain/hash.ts";
import { isSameState, stateSaid, type RecordedState } from "../chain/recorded-state.ts";
import { Frontier, leafHash } from "../chain/tree.ts";
import { ChainVerifier, type Beginning, type Entry } from "../chain/verify.ts";
import { equalBytes, toBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { linesOfFile, linesOfServer, linesTo } from "./chain-source.ts";
import type { Context } from "./context.ts";

/** What is found out about one fork, in order: the first origin is that of the verified chain. */
export interface OriginVerdict {
  actor: string;
  seq: number;
  /** CID of the event. */
  event: string;
  /** Events that the origin's chain had, and base64 of the root over them; null: it was not signed. */
  size: number;
  root: string | null;
  /** Whether the origin's chain was looked at. */
  checked: boolean;
  /** Whether the fork began with the origin's state; null where that was erased or not looked at. */
  stateAgrees: boolean | null;
  problem: { code: OriginProblem; sentence: string } | null;
}

type OriginProblem =
  | "origin-broken" // the origin's own chain does not hold
  | "origin-cut-off" // it ends before the event, or before the size that the fork names
  | "origin-event" // another event stands there
  | "origin-root" // the events up to that size have another root
  | "origin-state"; // the fork began with another state

/** Forks of forks that are followed. */
const ORIGINS_MAX = 100;

/**
 * `withOrigin`: undefined looks at nothing, true asks the server for each origin's chain, and files are theirs in order.
 * Ends at the first problem.
 */
export async function checkOrigins(
  { connection, output }: Context,
  beginning: Beginning,
  withOrigin: true | readonly string[] | undefined,
): Promise<OriginVerdict[]> {
  const verdicts: OriginVerdict[] = [];
  for (let { origin, state } = beginning; origin !== null && verdicts.length < ORIGINS_MAX;) {
    const { actor, seq, event, size, root } = origin;
    const told = { actor, seq, event: cidText(event), size, root: root && toBase64(root) };
    const file = withOrigin === true ? undefined : withOrigin?.[verdicts.length];
    if (withOrigin !== true && file === undefined) {
      return [...verdicts, { ...told, checked: false, stateAgrees: null, problem: null }];
    }
    output.note(`checking ${size} events of ${actor}, where it comes from`);
    const last = Math.max(size - 1, seq);
    const lines = file === undefined ? overHttp(connection, actor, last) : inFile(file, last);
    const found = await checkOrigin(origin, state, lines);
    verdicts.push({ ...told, checked: true, ...found.verdict });
    if (found.verdict.problem !== null) break;
    ({ origin, state } = found.beginning);
  }
  return verdicts;
}

async function* overHttp(
  connection: Context["connection"],
  actor: string,
  last: number,
): AsyncGenerator<Entry> {
  const read = (from: number) => linesOfServer(connection, actor, { from, to: last });
  for await (const { line } of linesTo(last, 0, read)) yield line;
}

async function* inFile(path: string, last: number): AsyncGenerator<Entry> {
  const entries = path.endsWith(".car") ? inCar(path) : inLines(path);
  for await (const entry of entries) {
    if (entry.seq > last) return;
    yield entry;
  }
}

async function* inLines(path: string): AsyncGenerator<Entry> {
  for await (const { line } of linesOfFile(path)) yield line;
}

/** Events as they stand in the file, each with the payload behind it; what follows the chain is left out. */
async function* inCar(path: string): AsyncGenerator<Entry> {
  let held: (Entry & { digest: Uint8Array }) | undefined;
  let seq = 0;
  for await (const { link, bytes } of (await readCar(createReadStream(path))).blocks) {
    if (held !== undefined && equalBytes(held.digest, link.digest)) {
      yield { ...held, payload: bytes };
      held = undefined;
      continue;
    }
    if (held !== undefined) yield held;
    held = undefined;
    if (link.codec === "raw") return;
    held = { seq: seq++, block: bytes, payload: null, cid: link, digest: payloadOf(bytes) };
  }
  if (held !== undefined) yield held;
}

/** The digest of the payload; of what is no event, none that any block has. */
function payloadOf(block: Uint8Array): Uint8Array {
  try {
    return decodeEvent(block).payload.digest;
  } catch {
    return new Uint8Array();
  }
}

interface Found {
  verdict: Pick<OriginVerdict, "stateAgrees" | "problem">;
  beginning: Beginning;
}

async function checkOrigin(
  origin: Origin,
  begins: Beginning["state"],
  entries: AsyncIterable<Entry>,
): Promise<Found> {
  const verifier = new ChainVerifier({ actor: origin.actor });
  const tree = new Frontier();
  let event: Uint8Array | undefined;
  /** Of the event: what the chain says the state was. */
  let state: RecordedState | "erased" = null;
  for await (const entry of entries) {
    verifier.next(entry);
    if (tree.size < origin.size) tree.append(leafHash(entry.block));
    if (entry.seq <= origin.seq) state = stateAfter(entry, state);
    if (entry.seq === origin.seq) event = sha256(entry.block);
  }
  const report = verifier.finish();
  const { beginning } = verifier;
  const bad = (code: OriginProblem, sentence: string): Found => ({
    verdict: { stateAgrees: null, problem: { code, sentence } },
    beginning,
  });
  if (report.firstBad !== null) {
    const { seq, problem } = report.firstBad;
    return bad("origin-broken", `The origin's chain is broken at event ${seq}: ${problem}.`);
  }
  if (event === undefined || tree.size < origin.size) {
    return bad("origin-cut-off", `The origin's chain ends behind ${report.events} events.`);
  }
  if (!equalBytes(event, origin.event.digest)) {
    return bad("origin-event", `Another event stands at ${origin.seq} of the origin's chain.`);
  }
  if (origin.root !== null && !equalBytes(tree.root(), origin.root)) {
    return bad(
      "origin-root",
      `The origin's first ${origin.size} events do not have the root that the fork names.`,
    );
  }
  const stateAgrees = agree(begins, state);
  if (stateAgrees !== false) return { verdict: { stateAgrees, problem: null }, beginning };
  return bad("origin-state", `The fork did not begin with the state after event ${origin.seq}.`);
}

function stateAfter(entry: Entry, before: RecordedState | "erased"): RecordedState | "erased" {
  try {
    const { type } = decodeEvent(entry.block);
    const said = stateSaid({ type, payload: entry.payload });
    if (said === undefined) return before;
    return said === "erased" ? "erased" : said.state;
  } catch (thrown) {
    if (thrown instanceof TheaterError) return before; // the verifier says what is wrong
    throw thrown;
  }
}

/** Null where one of them was erased. */
function agree(begins: Beginning["state"], state: RecordedState | "erased"): boolean | null {
  if (begins === "erased" || state === "erased") return null;
  return isSameState(begins?.state ?? null, state);
}
