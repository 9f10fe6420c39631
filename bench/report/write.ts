// Puts what a run has measured between two markers of a document, so that its tables can be made again by one command.

import { readFile, writeFile } from "node:fs/promises";

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. Throws where there are none. */
export async function writeBetween(file: string, name: string, text: string): Promise<void> {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const whole = await readFile(file, "utf8");
  const [from, to] = [whole.indexOf(open), whole.indexOf(close)];
  if (from === -1 || to < from) throw new Error(`${file} has no place ${open} … ${close}`);
  const parts = [whole.slice(0, from + open.length), "\n\n", text.trim(), "\n\n", whole.slice(to)];
  await writeFile(file, parts.join(""));
}
