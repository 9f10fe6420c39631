// A replay of everything that capabilities gave a guest: from the record alone, without the server, the files and
// the settings that were there when it ran.

import { expect, inject, test } from "vitest";
import { must, theater } from "./stage.ts";
import { gave, tools } from "./tools.ts";

const { first, second } = inject("origins");

test("turns with secrets, HTTP, files, variables and seeded randomness replay to the same end", async () => {
  const actor = await tools({
    random: { seed: "dice" },
    environment: { allowed_vars: ["REGION"], allow_list_all: true, secrets: ["API_KEY"] },
    filesystem: { read: true, write: true, allowed_paths: ["."] },
    "http-client": { allowed_hosts: [first], secrets: { API_KEY: [first] }, timeout_ms: 200 },
  });
  for (let turn = 0; turn < 2; turn++) {
    await gave(
      actor,
      ["random-bytes", 8],
      ["list-vars"],
      ["get-var", "none"],
      ["write", "a", `turn ${turn}`],
      ["http-with-var", "API_KEY", { url: `${first}/leak`, headers: [["x-key", "$VAR"]] }],
      ["http-length", { url: `${first}/long/100000` }],
      ["http", { url: `${first}/silent` }],
      ["http", { url: `${second}/echo` }],
      ["read", "a"],
      ["spawn"],
      ["uuid"],
    );
  }
  const report = must(await theater.replay(actor.id, null));
  expect(report).toMatchObject({ verdict: "verified", turns: { agreed: 3 } });
});
