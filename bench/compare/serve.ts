// One server of the comparison as a process of its own: `node serve.ts <id>`. Says in one line of JSON that it is
// ready, or why not, and ends with its stdin: whoever started it may be killed, and nothing is left behind.

import { SUBJECTS } from "./subjects.ts";
import type { Served } from "./served.ts";

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

try {
  const { stop, ...serving } = await subject.serve();
  const served: Served = serving;
  console.log(JSON.stringify(served));
  await ended;
  await stop();
} catch (thrown) {
  console.log(JSON.stringify({ error: thrown instanceof Error ? thrown.message : String(thrown) }));
}
process.exit(0);
