// Placeholders: told apart, filled in only where they are an actor's own, and put back in every spelling.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Secrets, type Spelling } from "../../src/handlers/secrets.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";

const KEY = 'k3y "with" \\ & ümlaut';
const salt = new Uint8Array(16).fill(7);
const values = new Map([
  ["KEY", KEY],
  ["LONGER", `${KEY}-and-more`],
  ["SHORT", "1234567"],
  ["bad name", "long enough to be one"],
]);
const secrets = new Secrets(values, salt);
const mark = secrets.placeholder("KEY") ?? "";

test("a placeholder is the same for ever for one actor and name, and another for any other", () => {
  expect(mark).toMatch(/^secret\.KEY\.[0-9a-f]{32}$/);
  const rotated = new Secrets(new Map([["KEY", "another value"]]), salt);
  expect(rotated.placeholder("KEY")).toBe(mark);
  const other = new Secrets(values, new Uint8Array(16).fill(8));
  expect(other.placeholder("KEY")).not.toBe(mark);
  expect(other.fill(mark, "plain")).toBe(mark);
});

test("what is too short to be told from chance, or is not a name, is no secret", () => {
  expect(secrets.names).toEqual(["KEY", "LONGER"]);
  expect(secrets.placeholder("SHORT")).toBeUndefined();
  expect(secrets.placeholder("NONE")).toBeUndefined();
});

test("no placeholder needs an escape in a URL, a form or JSON", () => {
  expect(encodeURIComponent(mark)).toBe(mark);
  expect(new URLSearchParams([["a", mark]]).toString()).toBe(`a=${mark}`);
  expect(JSON.stringify(mark)).toBe(`"${mark}"`);
});

test("a guess at a placeholder stays the text that it is", () => {
  const guess = `secret.KEY.${"0".repeat(32)}`;
  expect(secrets.namesIn(guess)).toEqual([]);
  expect(secrets.fill(guess, "plain")).toBe(guess);
  expect(toUtf8(secrets.fillBytes(fromUtf8(guess), "plain"))).toBe(guess);
});

test.for<[Spelling, string, (filled: string) => string]>([
  ["plain", "Bearer $", (filled) => filled.slice(7)],
  ["url", "https://x/?a=$&b=1", (filled) => new URL(filled).searchParams.get("a") ?? ""],
  ["json", '{"a":"$"}', (filled) => (JSON.parse(filled) as { a: string }).a],
])("a secret goes out spelt as its place needs: %s", ([spelling, template, read]) => {
  const text = template.replace("$", mark);
  expect(secrets.namesIn(text)).toEqual(["KEY"]);
  expect(read(secrets.fill(text, spelling))).toBe(KEY);
  expect(read(toUtf8(secrets.fillBytes(fromUtf8(text), spelling)))).toBe(KEY);
});

test("whatever surrounds it, a secret that goes out comes back as its placeholder", () => {
  const around = fc.string({ unit: fc.constantFrom("a", "s", ".", '"', "é", "\0", "k") });
  const spelling = fc.constantFrom<Spelling>("plain", "url", "json");
  const names = fc.constantFrom("KEY", "LONGER");
  fc.assert(
    fc.property(around, around, spelling, names, (before, after, spelt, name) => {
      const text = before + (secrets.placeholder(name) ?? "") + after;
      const sent = secrets.fillBytes(fromUtf8(text), spelt);
      expect(toUtf8(sent)).toBe(secrets.fill(text, spelt));
      expect(toUtf8(secrets.redactBytes(sent, secrets.names))).toBe(text);
      expect(secrets.redact(toUtf8(sent), secrets.names)).toBe(text);
    }),
  );
});

test("bytes that are no text are searched and filled as well", () => {
  const body = Uint8Array.from([0xff, 0xfe, ...fromUtf8(mark), 0x80]);
  expect(secrets.namesInBytes(body)).toEqual(["KEY"]);
  expect(secrets.fillBytes(body, "plain")).toEqual(
    Uint8Array.from([0xff, 0xfe, ...fromUtf8(KEY), 0x80]),
  );
});

test("only the named secrets are put back", () => {
  expect(secrets.redact(KEY, [])).toBe(KEY);
  expect(secrets.redact(KEY, ["KEY"])).toBe(mark);
});
