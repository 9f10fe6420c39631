// The conformance table on its way out of workerd: tests read the page of docs/ and leave the one of their run
// here; the end of the run prints it.

import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const DOCUMENT = join(root, "docs/conformance.md");
const RUN = join(root, "build/conformance.md");

/** The service that tests of the runtime know as CONFORMANCE: GET the page of docs/, PUT the run's. */
export async function answerPage(request: {
  method: string;
  text: () => Promise<string>;
}): Promise<Response> {
  if (request.method !== "PUT") return new Response(await readFile(DOCUMENT, "utf8"));
  await mkdir(join(root, "build"), { recursive: true });
  await writeFile(RUN, await request.text());
  return new Response(null, { status: 204 });
}

export async function setup(): Promise<() => Promise<void>> {
  await rm(RUN, { force: true });
  return async () => {
    if (!existsSync(RUN)) return;
    const page = await readFile(RUN, "utf8");
    process.stdout.write(`\n${page.slice(page.indexOf("\n## ") + 1)}\n`);
  };
}
