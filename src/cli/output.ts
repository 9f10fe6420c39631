// What the command line says and how. Rules: stdout carries the result, stderr everything else; a program
// (`--json`) gets exactly one JSON value; text that came from an actor never reaches a terminal raw, where
// control characters could move the cursor or rewrite what was printed before.

import { createColors } from "picocolors";
import type { Colors } from "picocolors/types.js";
import { toBase64, toUtf8 } from "../lib/bytes.ts";

export interface Output {
  /** The result: `people` makes the lines that people read of it. */
  show(value: unknown, people: () => string): void;
  /** Progress and asides, for people only. */
  note(text: string): void;
  readonly isJson: boolean;
  readonly colors: Colors;
}

type Column = { title: string; align?: "right" };

export function makeOutput(isJson: boolean): Output {
  return {
    isJson,
    colors: colorsFor(process.stdout),
    show: (value, people) =>
      void process.stdout.write(`${isJson ? JSON.stringify(value) : people()}\n`),
    note: (text) => {
      if (!isJson) process.stderr.write(`${colorsFor(process.stderr).dim(printable(text))}\n`);
    },
  };
}

export function colorsFor(stream: { isTTY?: boolean }): Colors {
  return createColors(stream.isTTY === true && !process.env["NO_COLOR"]);
}

/** One line; control characters are spelled out, so that a terminal shows them instead of obeying. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** As `printable`, but line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.split("\t").map(printable).join("\t"))
    .join("\n");
}

/** Columns as wide as their widest cell; the last one is not padded. Cells must be printable already. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) =>
    rows.reduce((width, row) => Math.max(width, (row[index] ?? "").length), title.length),
  );
  return tableLines(columns, rows, widths).join("\n");
}

/** A table whose rows are not known yet: fixed widths, longer cells push the rest of their line. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  widths: readonly number[],
): string[] {
  return [columns.map(({ title }) => title), ...rows].map((cells) =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** "key   value" lines. */
export function fields(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/** Seconds are enough for people; JSON has the milliseconds. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").slice(0, 19);
}

/**
 * Bytes as the whole result. A pipe gets exactly these bytes; a terminal gets text that cannot control it;
 * a program gets base64, and the text too if they are UTF-8.
 */
export function showBytes(output: Output, name: string, bytes: Uint8Array, more: object): void {
  const text = utf8OrNull(bytes);
  if (output.isJson) {
    output.show({ [name]: toBase64(bytes), text, ...more }, () => "");
  } else if (!process.stdout.isTTY) {
    process.stdout.write(bytes);
  } else {
    process.stdout.write(`${text === null ? `${bytes.length} bytes` : printableLines(text)}\n`);
  }
}

function utf8OrNull(bytes: Uint8Array): string | null {
  try {
    return toUtf8(bytes);
  } catch {
    return null;
  }
}

/** Enough of a CID to tell two apart by eye. The first characters are the same in all. */
export function shortCid(cid: string): string {
  return cid.slice(-8);
}
