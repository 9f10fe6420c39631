// The life of an actor: the table, and its drawing in docs/supervision.md.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TheaterError } from "../../src/lib/errors.ts";
import {
  isUp,
  CHANGES,
  lifecycleDiagram,
  STATUSES,
  statusAfter,
  TRANSITIONS,
} from "../../src/supervision/lifecycle.ts";
import { parse } from "smol-toml";
import { parseSupervision } from "../../src/supervision/manifest-tables.ts";
import { EXIT_KINDS } from "../../src/supervision/spec.ts";

const document = readFileSync(join(import.meta.dirname, "../../docs/supervision.md"), "utf8");

test("the drawing in the document is the table", () => {
  expect(/```mermaid\n([^]*?)\n```/.exec(document)?.[1]).toBe(lifecycleDiagram());
});

test("the manifest in the document is one", () => {
  const { spec, sources } = parseSupervision(
    parse(/```toml\n([^]*?)```/.exec(document)?.[1] ?? ""),
  );
  expect(spec).toMatchObject({ strategy: "rest-for-one", intensity: 3, on: { limit: "escalate" } });
  expect([...sources.keys()]).toEqual(["database", "cache"]);
});

test("the document has every kind of end", () => {
  const section = /^## Failures$([^]*?)^## /m.exec(document)?.[1] ?? "";
  const kinds = [...section.matchAll(/^\| `([a-z-]+)`/gm)].map(([, kind = ""]) => kind);
  expect(kinds.toSorted()).toEqual([...EXIT_KINDS].toSorted());
});

test("what the table does not have is refused, and the refusal says what would be legal", () => {
  for (const change of CHANGES) {
    for (const status of STATUSES) {
      const { from, to } = TRANSITIONS[change];
      const after = (): string => statusAfter(change, status);
      const expected = from.includes(status)
        ? to
        : `The actor is ${status}: ${change} works on one that is ${from.join(" or ")}.`;
      expect(textOf(after)).toBe(expected);
    }
  }
});

function textOf(change: () => string): string {
  try {
    return change();
  } catch (thrown) {
    return thrown instanceof TheaterError && thrown.code === "wrong-state" ? thrown.message : "?";
  }
}

test("every status is reached from the first, and only a deleted actor is at its end", () => {
  const reached = new Set<string>(["running"]);
  for (let size = 0; size < reached.size;) {
    size = reached.size;
    for (const { from, to } of Object.values(TRANSITIONS)) {
      if (from.some((status) => reached.has(status))) reached.add(to);
    }
  }
  expect([...reached].toSorted()).toEqual([...STATUSES].toSorted());
  const left = new Set(Object.values(TRANSITIONS).flatMap(({ from }) => from));
  expect(STATUSES.filter((status) => !left.has(status))).toEqual(["deleted"]);
});

test("a failed, stopped or deleted actor admits nothing", () => {
  expect(STATUSES.filter(isUp)).toEqual(["running", "paused"]);
});
