// A process that takes a data folder as a server would and then stays: prints "held" or the refusal. With
// a second argument it also starts a process in workerd's place and writes it into the lock.

import { spawn } from "node:child_process";
import { lockFolder } from "../../src/cli/dev-lock.ts";
import { processRef } from "../../src/cli/dev-process.ts";

const [folder = "", withChild] = process.argv.slice(2);
try {
  const { lock } = await lockFolder(folder);
  let child = 0;
  if (withChild !== undefined) {
    child = spawn("sleep", ["60"], { stdio: "ignore" }).pid ?? 0;
    const workerd = await processRef(child);
    await lock.update(workerd === undefined ? {} : { workerd });
  }
  process.stdout.write(`held ${child}\n`);
  setInterval(() => undefined, 1000);
} catch (thrown) {
  process.stdout.write(`${thrown instanceof Error ? thrown.message : "refused"}\n`);
}
