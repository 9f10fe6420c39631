// `theater events`: shows what the server says. Whether it is true is the business of `theater verify`.

import { decodeEvent } from "../chain/event.ts";
import { TheaterError } from "../lib/errors.ts";
import { linesOfServer, type SourceLine } from "./chain-source.ts";
import { eventColumns, eventRow } from "./event-rows.ts";
import { fetchTurn, turnJson, turnText } from "./turn-view.ts";
import { follow as followChain } from "./follow.ts";
import type { Context } from "./context.ts";

export interface EventsOptions {
  from: number;
  to?: number;
  type?: string[];
  about?: string;
  since?: string;
  until?: string;
  follow?: true;
  turn?: number;
}

export async function events(context: Context, id: string, options: EventsOptions): Promise<void> {
  const { connection, output } = context;
  if (options.turn !== undefined) return await oneTurn(context, id, options);
  const { from, to, type: types = [], follow = false, about, since, until } = options;
  const filters = Object.entries({ about, since, until }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  if (follow && filters.length > 0) {
    throw new TheaterError("unsupported", "follow without --about, --since and --until");
  }
  const print = makePrinter(output.isJson, follow);
  if (!follow) {
    const range = { from, types, filters, ...(to === undefined ? {} : { to }) };
    for await (const line of linesOfServer(connection, id, range)) print.line(line);
    print.end();
    return;
  }
  // Ends with the process, or at `to`.
  if (to === undefined || from <= to) {
    for await (const line of followChain(context, id, from)) {
      if (isWanted(line, types)) print.line(line);
      if (to !== undefined && line.line.seq >= to) break;
    }
  }
  print.end();
}

async function oneTurn(
  { connection, output }: Context,
  id: string,
  { turn = 1, from, to, type, about, since, until, follow }: EventsOptions,
): Promise<void> {
  if (from > 0 || [to, type, about, since, until, follow].some((given) => given !== undefined)) {
    throw new TheaterError("bad-request", "Give --turn alone: it shows all of that turn.");
  }
  const view = await fetchTurn(connection, id, turn);
  output.show(turnJson(view), () => turnText(view));
}

/** What cannot be read is shown, whatever was asked for. */
function isWanted({ line }: SourceLine, types: readonly string[]): boolean {
  if (types.length === 0) return true;
  try {
    return types.includes(decodeEvent(line.block).type);
  } catch {
    return true;
  }
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
  // Not before there is something below it: an error would stand under an empty table.
  let header = `${eventColumns()}\n`;
  const put = (row: string): void => {
    out(header + row);
    header = "";
  };
  return { line: ({ line }) => put(`${eventRow(line)}\n`), end: () => put("") };
}
