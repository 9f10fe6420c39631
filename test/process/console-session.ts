// The console sessions of a document, command by command. What differs from run to run (ids, hashes, sizes) is
// compared by its form.

import { readFile } from "node:fs/promises";

export interface Step {
  /** The words behind the `$`; quotes keep words together. */
  words: string[];
  output: string;
}

export async function sessionOf(path: string): Promise<Step[]> {
  const text = await readFile(path, "utf8");
  const blocks = [...text.matchAll(/^```console\n(.*?)^```/gms)].map(([, block = ""]) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = "", ...output] = part.split("\n");
        return { words: wordsOf(command), output: output.join("\n").trim() };
      }),
  );
}

function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

export function form(text: string): string {
  return text
    .replaceAll(/\bb[a-z2-7]{58}\b/g, "<cid>")
    .replaceAll(/\b[a-z2-7]{32}\b/g, "<id>")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "<hash>")
    .replaceAll(/\(\d+ KiB\)/g, "(<size>)");
}
