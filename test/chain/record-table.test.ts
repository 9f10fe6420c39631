// The table "What is recorded" of docs/chain-format.md, held against the code: it has every type of event,
// and each test that it names is there.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EVENT_TYPES } from "../../src/chain/event-types.ts";

const root = join(import.meta.dirname, "../..");
const document = readFileSync(join(root, "docs/chain-format.md"), "utf8");
const section = /^## What is recorded$([^]*?)^## /m.exec(document)?.[1] ?? "";
const rows = [...section.matchAll(/^\| (.+?) +\| (`.+?`) +\| `(.+?)`: (.+?) +\|$/gm)];

const typesIn = (text: string): string[] =>
  [...text.matchAll(/`([a-z]+\.[a-z]+)`/g)].map(([, type = ""]) => type);

test("every type of event is in the table, or under it as one that nothing makes yet", () => {
  expect(rows.length).toBeGreaterThan(15);
  expect([...new Set(typesIn(section))].toSorted()).toEqual([...EVENT_TYPES].toSorted());
});

test.each(rows.map(([, what = "", , file = "", name = ""]) => [what, file, name] as const))(
  "%s: the test is there",
  (_, file, name) => {
    const text = readFileSync(join(root, `test/${file}.test.ts`), "utf8");
    expect(text.includes(`"${name}"`)).toBe(true);
  },
);
