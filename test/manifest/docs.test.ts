// docs/manifest.md is true: its examples are manifests, and it names every key that there is.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { HANDLERS, Registry } from "../../src/handlers/registry.ts";
import { LIMIT_KEYS } from "../../src/manifest/limits.ts";
import { MANIFEST_KEYS, readManifest } from "../../src/manifest/manifest.ts";
import { readTable } from "../../src/manifest/toml.ts";
import { variablesFor } from "../../src/manifest/variables.ts";

const registry = new Registry(HANDLERS);
const text = readFileSync("docs/manifest.md", "utf8");
const examples = [...text.matchAll(/^```toml\n(.*?)^```/gms)].map(([, toml = ""]) => toml);

test("every example is a manifest", () => {
  expect(examples.length).toBeGreaterThan(2);
  for (const toml of examples) {
    const state = readTable(toml)["init_state"];
    const bytes = new TextEncoder().encode(typeof state === "string" ? state : "");
    expect(() => readManifest(toml, registry, variablesFor(toml, bytes, {}))).not.toThrow();
  }
});

test("the example of variables becomes what the text says", () => {
  const toml = examples.find((each) => each.includes("{{")) ?? "";
  const state = new TextEncoder().encode(String(readTable(toml)["init_state"]));
  const { manifest } = readManifest(toml, registry, variablesFor(toml, state, {}));
  expect(manifest).toMatchObject({ name: "chess-live", handlers: { random: { maxBytes: 64 } } });
});

test("every key stands in the tables", () => {
  const keys = [...MANIFEST_KEYS.filter((key) => key !== "limits"), ...LIMIT_KEYS];
  const missing = keys.filter((key) => !new RegExp(`\`\\[*${key}\\b`).test(text));
  expect(missing).toEqual([]);
});
