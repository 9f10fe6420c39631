// One server of the comparison as a process of its own: `node serve.ts <id>`. Says in one line of JSON that it is
// ready, or why not, and ends with its stdin: whoever started it may be killed, and nothing is left behind.

import { endEverything } from "./peer-process.ts";
import { SUBJECTS } from "./subjects.ts";

const subject = SUBJECTS.find(({ id }) => id === process.argv[2]);
if (subject === undefined) throw new Error(`there is no subject ${String(process.argv[2])}`);

const ended = new Promise<void>((resolve) => {
  process.stdin
    .resume()
    .once("end", resolve)
    .once("error", () => resolve());
  process.once("SIGTERM", () => resolve());
  process.once("SIGINT", () => undefined); // that one is for the parent, which then closes stdin
});

async function serving(): Promise<void> {
  if (subject === undefined) return;
  try {
    console.log(JSON.stringify(await subject.serve()));
    await ended;
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : String(thrown);
    console.log(JSON.stringify({ error }));
  }
}

// Also while it is still starting.
await Promise.race([serving(), ended]);
await endEverything();
process.exit(0);
