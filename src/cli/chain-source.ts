// Where the lines of a chain come from: a server or an exported file. Both are read one line at a time,
// so that a chain of any length needs the memory of one event.

import { createReadStream } from "node:fs";
import { LINE_LENGTH_MAX, parseLine, type Line } from "../chain/ndjson.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { asCount, ask, askJson, asText, unreachable, type Connection } from "./client.ts";

export interface EventRef {
  seq: number;
  cid: string;
}

export interface SourceLine {
  /** As it came. */
  text: string;
  line: Line;
}

export async function chainHead(connection: Connection, id: string): Promise<EventRef> {
  const { seq, cid } = await askJson(connection, "GET", `${actorPath(id)}/chain/head`);
  return { seq: asCount(seq, "seq"), cid: asText(cid, "cid") };
}

/** Oldest first; `to` is the last seq, the head by default; no types = all. */
export async function* linesOfServer(
  connection: Connection,
  id: string,
  range: {
    from: number;
    to?: number;
    types?: readonly string[];
    filters?: readonly (readonly [name: string, value: string])[];
  },
): AsyncGenerator<SourceLine> {
  const query = new URLSearchParams({ from: String(range.from) });
  if (range.to !== undefined) query.set("to", String(range.to));
  for (const type of range.types ?? []) query.append("type", type);
  for (const [name, value] of range.filters ?? []) query.set(name, value);
  const response = await ask(connection, "GET", `${actorPath(id)}/chain?${query.toString()}`, {
    headers: { accept: "application/x-ndjson" },
  });
  if (response.body !== null) yield* sourceLines(received(response.body, connection.url));
}

/**
 * All lines up to `to`. A server may end a listing early: as long as each answer brings something, the
 * rest is asked for.
 */
export async function* linesTo(
  to: number,
  from: number,
  lines: (from: number) => AsyncIterable<SourceLine>,
): AsyncGenerator<SourceLine> {
  let last = from - 1;
  let first: number;
  do {
    first = last + 1;
    for await (const one of lines(first)) {
      yield one;
      last = Math.max(last, one.line.seq);
    }
  } while (first <= last && last < to);
}

export async function* linesOfFile(path: string): AsyncGenerator<SourceLine> {
  yield* sourceLines(createReadStream(path));
}

/** Throws `chain-broken` for a line that is none of a chain listing. */
async function* sourceLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SourceLine> {
  let number = 0;
  for await (const text of splitLines(chunks)) {
    number++;
    try {
      yield { text, line: parseLine(text) };
    } catch (thrown) {
      if (!(thrown instanceof TheaterError)) throw thrown;
      throw new TheaterError("chain-broken", `line ${number} is not an event of a chain listing`, {
        line: number,
        reason: thrown.message,
      });
    }
  }
}

/** A connection that breaks is not the end of the chain. */
export async function* received(
  body: AsyncIterable<Uint8Array>,
  url: string,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (thrown) {
    throw unreachable(url, false, thrown);
  }
}

/** Lines of UTF-8 text without their breaks; empty ones are left out. */
async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_LENGTH_MAX) {
      throw new TheaterError("chain-broken", `a line has more than ${LINE_LENGTH_MAX} characters`);
    }
    yield* lines.filter((line) => line.trim() !== "");
  }
  rest += decoder.decode();
  if (rest.trim() !== "") yield rest;
}
