// There are no processes: every function of the interface says so, and the chain has it.

import { expect, test } from "vitest";
import { call, gave, startTools, tools } from "./tools.ts";

test.for([
  ["spawn", "os-spawn"],
  ["stdin", "os-write-stdin"],
  ["status", "os-status"],
  ["signal", "os-signal"],
  ["kill", "os-kill"],
])("%s answers an error that says what to do instead", async ([step = "", name = ""]) => {
  const actor = await tools();
  const [answer] = await gave(actor, [step, 1]);
  expect(answer).toMatch(/^err: unsupported: .*no processes.*http-client/);
  expect(await call(actor, name)).toMatchObject({ outcome: "failed" });
});

test("keys of processes are refused: they would grant nothing", async () => {
  const answer = await startTools({ process: { allowed_programs: ["ls"] } });
  expect(answer).toMatchObject({ ok: false, error: { code: "bad-manifest" } });
});
