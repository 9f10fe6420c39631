// `theater events`: shows what the server says. Whether it is true is the business of `theater verify`.

import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "./program.ts";
import { chainHead, linesOfServer, type SourceLine } from "./chain-source.ts";
import { eventColumns, eventRow } from "./event-rows.ts";

export interface EventsOptions {
  from: number;
  to?: number;
  type?: string[];
  follow?: true;
}

const FOLLOW_POLL_MS = 500;

export async function events(
  { connection, output }: Context,
  id: string,
  options: EventsOptions,
): Promise<void> {
  const { from, to, type: types = [], follow = false } = options;
  const print = makePrinter(output.isJson, follow);
  if (!follow) {
    const range = { from, types, ...(to === undefined ? {} : { to }) };
    for await (const line of linesOfServer(connection, id, range)) print.line(line);
    print.end();
    return;
  }
  // Ends with the process, or at `to`.
  for (let next = from; to === undefined || next <= to; await sleep(FOLLOW_POLL_MS)) {
    const head = await chainHead(connection, id);
    const last = Math.min(head.seq, to ?? head.seq);
    if (last < next) continue;
    for await (const line of linesOfServer(connection, id, { from: next, to: last, types })) {
      print.line(line);
    }
    next = last + 1;
  }
  print.end();
}

interface Printer {
  line(line: SourceLine): void;
  end(): void;
}

/** Prints as lines come, whatever the length of the chain. */
function makePrinter(isJson: boolean, follow: boolean): Printer {
  const out = (text: string): void => void process.stdout.write(text);
  if (isJson && follow) return { line: ({ text }) => out(`${text}\n`), end: () => undefined };
  if (isJson) {
    let separator = "[";
    const line = ({ text }: SourceLine): void => {
      out(`${separator}${text}`);
      separator = ",\n";
    };
    return { line, end: () => out(separator === "[" ? "[]\n" : "]\n") };
  }
  out(`${eventColumns()}\n`);
  return { line: ({ line }) => out(`${eventRow(line)}\n`), end: () => undefined };
}
