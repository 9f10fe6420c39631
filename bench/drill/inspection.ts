// What the drill asks through the command line, as an operator would: whether ledger, archive and journals
// agree, and, where something is wrong, the chains of those concerned.

import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { TOKEN } from "../../test/process/dev-process.ts";
import type { Server } from "./server.ts";
import type { Member } from "./tree.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");
const OUTPUT_BYTES_MAX = 2 ** 28;
const INSPECTED_MAX = 6;

async function theater(server: Server, ...args: readonly string[]): Promise<string> {
  const argv = [MAIN, ...args, "--url", server.url, "--token", TOKEN];
  const options = { maxBuffer: OUTPUT_BYTES_MAX };
  return (await promisify(execFile)(process.execPath, argv, options)).stdout;
}

/** What `theater ledger check` finds; nothing where all agree. */
export async function ledgerProblems(server: Server): Promise<string[]> {
  try {
    await theater(server, "ledger", "check");
    return [];
  } catch (thrown) {
    const { stdout = "" } = thrown as { stdout?: string };
    return [`theater ledger check: ${stdout}`];
  }
}

/** What the actors say of themselves that the problems name; their chains are kept in files. */
export async function inspected(
  server: Server,
  members: readonly Member[],
  problems: readonly string[],
): Promise<string[]> {
  const named = members
    .filter(({ id, name }) =>
      problems.some((each) => each.includes(id) || each.split(/[ ,:]/, 1)[0] === name),
    )
    .slice(0, INSPECTED_MAX);
  const above = members.filter(({ id }) => named.some(({ parent }) => parent === id));
  const folder = await mkdtemp(join(tmpdir(), "theater-drill-chains-"));
  for (const { id, name } of [...named, ...above]) {
    await writeFile(join(folder, `${name}.json`), await theater(server, "events", id, "--json"));
  }
  const told = await Promise.all(
    named.map(async ({ id, name }) => {
      const answer = await server.call("GET", `/v1/actors/${id}`);
      return `${name}: ${answer?.text ?? "does not answer"}`;
    }),
  );
  return [...told, `their chains are in ${folder}`];
}
