// docs/handlers.md is true where a test can say so: its examples are tables that the handler takes, and each section
// names every key of its handler with the default that holds.

import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import type { z } from "zod";
import { HANDLERS } from "../../src/handlers/registry.ts";

const text = readFileSync("docs/handlers.md", "utf8");
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section]),
);
const described = HANDLERS.filter(({ type }) => sections.has(type));

test("the handlers of capabilities are described", () => {
  const types = described.map(({ type }) => type);
  for (const type of ["environment", "filesystem", "http-client", "process", "random", "store"]) {
    expect(types).toContain(type);
  }
});

test.for(described.map((handler) => [handler.type, handler] as const))(
  "the section on %s names every key of its table",
  ([type, { config }]) => {
    const { shape, in: input } = config as { shape?: object; in?: z.ZodObject };
    const keys = Object.keys(shape ?? input?.shape ?? {});
    const missing = keys.filter((key) => sections.get(type)?.includes(`\`${key}\``) !== true);
    expect(missing).toEqual([]);
  },
);

test("the section on the filesystem and on http-client have the defaults that hold", () => {
  const spelt = (value: unknown): string => {
    if (typeof value === "number") return value.toLocaleString("en");
    return `\`${JSON.stringify(value).replaceAll(",", ", ")}\``;
  };
  for (const type of ["filesystem", "http-client", "environment"]) {
    const handler = HANDLERS.find((each) => each.type === type);
    const defaults = handler?.config.parse({}) as Record<string, unknown>;
    for (const [name, value] of Object.entries(defaults)) {
      const key = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const row = sections
        .get(type)
        ?.split("\n")
        .find((line) => line.startsWith(`| \`${key}\``));
      const [, , stands = ""] = row?.split("|").map((cell) => cell.trim()) ?? [];
      expect([key, stands]).toEqual([key, spelt(value)]);
    }
  }
});

test("the example of http-client is a table that it takes", () => {
  const [, toml = ""] = /^```toml\n(\[\[handler\]\].*?)^```/ms.exec(text) ?? [];
  const [{ type, ...table }] = (parse(toml) as { handler: [{ type: string }] }).handler;
  const handler = HANDLERS.find((each) => each.type === type);
  expect(handler?.config.safeParse(table).success).toBe(true);
});
