// Which origins a pattern grants: tables for the forms, and a property for all else: no wildcard reaches what is
// not public, however it is spelt.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  coversOrigin,
  grantsUrl,
  isLocalHost,
  originPattern,
} from "../../src/handlers/origin-pattern.ts";

const patternOf = (text: string): string => {
  const read = originPattern(text);
  return "pattern" in read ? read.pattern : `problem: ${read.problem}`;
};

test.for<[string, string]>([
  ["api.example.com", "https://api.example.com"],
  ["API.Example.COM", "https://api.example.com"],
  ["https://api.example.com:443", "https://api.example.com"],
  ["http://api.example.com:443", "http://api.example.com:443"],
  ["api.example.com:8443", "https://api.example.com:8443"],
  ["*.example.com", "https://*.example.com"],
  ["http://*.example.com:8080", "http://*.example.com:8080"],
  ["*", "https://*"],
  ["http://*", "http://*"],
  ["bücher.example", "https://xn--bcher-kva.example"],
  ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
  ["http://0x7f.1", "http://127.0.0.1"],
  ["http://[::1]:9", "http://[::1]:9"],
  ["http://localhost", "http://localhost"],
])("%s is read as %s", ([text, pattern]) => {
  expect(patternOf(text)).toBe(pattern);
  expect(patternOf(pattern)).toBe(pattern);
});

test.for([
  "",
  "ftp://example.com",
  "https://example.com/",
  "https://example.com/path",
  "user@example.com",
  "a b.example.com",
  "example.com.",
  "*.*.example.com",
  "api.*.com",
  "*example.com",
  "**",
  "*.",
  "*.localhost",
  "*.internal",
  "*.0.0.1",
  "https://*:8080",
  "example.com:99999",
  "https://",
])("%j is no pattern", (text) => {
  expect(patternOf(text)).toMatch(/^problem: /);
});

test.for<[string, string, boolean]>([
  ["api.example.com", "https://api.example.com/v1?a=b", true],
  ["api.example.com", "https://API.example.com:443/", true],
  ["api.example.com", "http://api.example.com/", false],
  ["api.example.com", "https://api.example.com:8443/", false],
  ["api.example.com", "https://api.example.com.evil.example/", false],
  ["api.example.com", "https://evil.example/api.example.com", false],
  ["*.example.com", "https://a.b.example.com/", true],
  ["*.example.com", "https://example.com/", false],
  ["*.example.com", "https://badexample.com/", false],
  ["*.example.com", "https://a.example.com:8443/", false],
  ["*", "https://anything.example/", true],
  ["*", "https://anything.example:8443/", false],
  ["*", "http://anything.example/", false],
  ["*", "https://localhost/", false],
  ["http://*", "http://metadata.google.internal/", false],
  ["http://*", "http://printer.local/", false],
  ["http://*", "http://intranet/", false],
  ["http://*", "http://app.localhost/", false],
  ["http://localhost", "http://localhost/", true],
  ["http://printer.local", "http://printer.local/", true],
  ["http://127.0.0.1", "http://2130706433/", true],
  ["http://127.0.0.1", "http://[::ffff:127.0.0.1]/", false],
])("%s grants %s: %s", ([text, url, granted]) => {
  expect(grantsUrl(patternOf(text), new URL(url))).toBe(granted);
});

test.for([
  "http://127.0.0.1/",
  "http://10.0.0.1/",
  "http://192.168.1.1/",
  "http://169.254.169.254/latest/meta-data",
  "http://100.100.100.200/",
  "http://0.0.0.0/",
  "http://0/",
  "http://2852039166/", // 169.254.169.254 in decimal
  "http://0xa9fea9fe/", // in hex
  "http://0251.0376.0251.0376/", // in octal
  "http://169.254.43518/", // with three parts
  "http://127.1/",
  "http://１２７.０.０.１/", // full-width digits
  "http://127。0。0。1/", // ideographic full stops
  "http://[::1]/",
  "http://[::]/",
  "http://[::ffff:169.254.169.254]/",
  "http://[::ffff:a9fe:a9fe]/",
  "http://[64:ff9b::a9fe:a9fe]/",
  "http://[fd00::1]/",
  "http://[fe80::1]/",
  "http://8.8.8.8/", // public, but an address is named or not granted
  "http://localhost/",
  "http://LOCALHOST/",
  "http://ⓛocalhost/",
])("no wildcard grants %s", (text) => {
  const url = new URL(text);
  expect(isLocalHost(url.hostname)).toBe(true);
  for (const pattern of ["http://*", "http://*.1", "http://*.254", "https://*"]) {
    expect(coversOrigin(pattern, `${url.protocol}//${url.host}`)).toBe(false);
  }
});

test("no number of an IPv4 address, in any notation, is taken for a name", () => {
  const notation = fc.constantFrom(
    (n: number) => String(n),
    (n: number) => `0x${n.toString(16)}`,
    (n: number) => `0${n.toString(8)}`,
  );
  const address = fc.nat(0xff_ff_ff_ff);
  fc.assert(
    fc.property(address, notation, (n, write) => {
      expect(grantsUrl("http://*", new URL(`http://${write(n)}/`))).toBe(false);
    }),
  );
  const part = fc.tuple(fc.nat(255), notation).map(([n, write]) => write(n));
  fc.assert(
    fc.property(fc.array(part, { minLength: 4, maxLength: 4 }), (parts) => {
      expect(grantsUrl("http://*", new URL(`http://${parts.join(".")}/`))).toBe(false);
    }),
  );
});

const label = fc.constantFrom("a", "example", "com", "local", "localhost", "1");
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
const anyPattern = fc
  .tuple(
    fc.constantFrom("", "http://"),
    fc.constantFrom("", "*."),
    name,
    fc.constantFrom("", ":81"),
  )
  .map((parts) => parts.join(""));
const pattern = fc
  .oneof(anyPattern, fc.constantFrom("*", "http://*"))
  .map((text) => originPattern(text))
  .filter((read) => "pattern" in read)
  .map((read) => ("pattern" in read ? read.pattern : ""));
const url = name
  .chain((host) => fc.constantFrom(`http://${host}/`, `https://${host}/`, `http://${host}:81/`))
  .filter((text) => URL.canParse(text))
  .map((text) => new URL(text));

test("what an outer pattern covers grants nothing more, and two patterns nest or share nothing", () => {
  fc.assert(
    fc.property(pattern, pattern, url, (one, two, target) => {
      const [first, second] = [grantsUrl(one, target), grantsUrl(two, target)];
      const [outer, inner] = [coversOrigin(one, two), coversOrigin(two, one)];
      expect(outer && second && !first).toBe(false);
      expect(first && second && !outer && !inner).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});
