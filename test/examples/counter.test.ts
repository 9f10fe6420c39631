// The counter, built and run for real.

import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildActor } from "../../src/cli/build-actor.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { errorOf, type Imports, type Instance, prepareComponent } from "../guest/instantiate.ts";
import { copyExample } from "./copy-example.ts";

let dir: string;
let instantiate: (imports: Imports) => Instance;

beforeAll(async () => {
  dir = await copyExample("counter");
  instantiate = await prepareComponent((await buildActor(dir)).component);
}, 60_000);

afterAll(() => rm(dir, { recursive: true }));

test("the counter adds what it is told, and nothing else", () => {
  const lines: string[] = [];
  const { actor, messageServerClient: client } = instantiate({
    "theater:simple/runtime": { log: (line: string) => lines.push(line) },
  });
  const [zero] = actor.init(fromUtf8("0"), ["actor-1"]);
  const [one] = client.handleSend(zero, [fromUtf8("anything")]);
  const [two, [reply]] = client.handleRequest(one, ["request-1", fromUtf8("")]);
  const [seven] = client.handleRequest(two, ["request-2", fromUtf8("5")]);
  expect([zero, one, two, seven, reply].map((bytes) => toUtf8(bytes ?? fromUtf8("none")))).toEqual([
    "0",
    "1",
    "2",
    "7",
    "2",
  ]);
  expect(lines).toEqual(["1 + 1", "2 + 5"]);
  expect(errorOf(() => client.handleRequest(one, ["request-3", fromUtf8("half")]))).toBe(
    "send a whole number, or nothing to add one",
  );
});
