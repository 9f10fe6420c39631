// What a guest may ask http-client for, and what becomes of a request at a redirect.

import { expect, test } from "vitest";
import { redirected } from "../../src/handlers/http-redirect.ts";
import {
  httpEffect,
  readRequest,
  refusalOf,
  secretsRefused,
  type OutgoingRequest,
} from "../../src/handlers/http-request.ts";
import type { Value } from "../../src/chain/value.ts";

type Header = readonly [string, string];

const asked = (more: Record<string, unknown> = {}): Value =>
  ({ method: "GET", uri: "https://api.example.com/a", headers: [], body: null, ...more }) as Value;

test("a good request is read with its method in capitals and without the fragment", () => {
  const read = readRequest(
    asked({ method: "post", uri: "https://API.example.com/a?b#c", body: [new Uint8Array(1)] }),
  );
  expect(read).toMatchObject({ method: "POST", body: new Uint8Array(1) });
  expect(String((read as OutgoingRequest).url)).toBe("https://api.example.com/a?b");
});

test.for<[string, Record<string, unknown>, RegExp]>([
  ["a method of tunnels", { method: "CONNECT" }, /method/],
  ["a method with a line break", { method: "GET /\r\nX" }, /method/],
  ["a GET with a body", { body: [new Uint8Array(1)] }, /no body/],
  ["a path alone", { uri: "/a" }, /absolute/],
  ["another scheme", { uri: "file:///etc/passwd" }, /scheme/],
  ["data", { uri: "data:,a" }, /scheme/],
  ["a user", { uri: "https://user@api.example.com/" }, /user/],
  ["a password", { uri: "https://:p@api.example.com/" }, /user/],
  ["a line break in the scheme", { uri: "ht\ntps://api.example.com/" }, /blanks/],
  ["a tab in the host", { uri: "https://api\t.example.com/" }, /blanks/],
  ["a dot behind the host", { uri: "https://api.example.com./" }, /dot/],
  ["a long URL", { uri: `https://api.example.com/${"a".repeat(8_192)}` }, /characters/],
  ["a header's name with a blank", { headers: [["a b", "c"]] }, /name/],
  ["a header's empty name", { headers: [["", "c"]] }, /name/],
  ["a line break in a header", { headers: [["a", "b\r\nc: d"]] }, /ASCII/],
  ["a header that is no ASCII", { headers: [["a", "ü"]] }, /ASCII/],
  ["too many headers", { headers: Array.from({ length: 65 }, () => ["a", "b"]) }, /64/],
  ["long headers", { headers: [["a", "b".repeat(16_384)]] }, /16384/],
])("%s is refused", ([, more, reason]) => {
  expect(readRequest(asked(more))).toEqual({ problem: expect.stringMatching(reason) as string });
});

test.for([
  "Host",
  "content-length",
  "Transfer-Encoding",
  "CONNECTION",
  "upgrade",
  "te",
  "Proxy-Authorization",
  "expect",
])("the header %s is the host's own", (name) => {
  expect(readRequest(asked({ headers: [[name, "1"]] }))).toHaveProperty("problem");
});

const grant = {
  allowedHosts: ["https://api.example.com"],
  allowedMethods: ["GET", "POST", "PUT", "DELETE"],
  repeatableMethods: ["PUT"],
  secrets: { KEY: ["https://api.example.com"] },
};

test.for<[string, Record<string, unknown>, string]>([
  ["a GET", {}, "safe"],
  ["a POST", { method: "POST" }, "unsafe"],
  ["a POST with a key", { method: "POST", headers: [["Idempotency-Key", "k"]] }, "by-id"],
  ["a POST with an empty key", { method: "POST", headers: [["idempotency-key", ""]] }, "unsafe"],
  ["a PUT that the manifest calls repeatable", { method: "PUT" }, "by-id"],
  ["a DELETE that it does not", { method: "DELETE" }, "unsafe"],
  ["what is no request", { method: "TRACE" }, "local"],
  ["a method that is not granted", { method: "PATCH" }, "local"],
  ["a host that is not granted", { uri: "https://evil.example/" }, "local"],
])("after a crash %s is %3$s", ([, more, effect]) => {
  expect(httpEffect(grant, [asked(more)])).toBe(effect);
});

test("an empty grant allows nothing", () => {
  const url = new URL("https://api.example.com/");
  expect(refusalOf({}, "GET", url)).toMatch(/allowed_hosts/);
  expect(refusalOf({ allowedHosts: ["https://*"] }, "GET", url)).toMatch(/allowed_methods/);
  expect(secretsRefused({}, ["KEY"], url)).toEqual(["KEY"]);
});

test("a secret goes to the origins that its list names, and to no other", () => {
  const at = (text: string): string[] => secretsRefused(grant, ["KEY"], new URL(text));
  expect(at("https://api.example.com/a")).toEqual([]);
  expect(at("https://api.example.com:8443/")).toEqual(["KEY"]);
  expect(at("http://api.example.com/")).toEqual(["KEY"]);
  expect(secretsRefused(grant, ["toString"], new URL("https://api.example.com/"))).toEqual([
    "toString",
  ]);
});

const HEADERS: readonly Header[] = [
  ["Authorization", "Bearer x"],
  ["Cookie", "a=b"],
  ["X-Key", "secret"],
  ["Accept", "text/plain"],
  ["Content-Type", "text/plain"],
];
const request = (method: string): OutgoingRequest => ({
  method,
  url: new URL("https://api.example.com/a/b"),
  headers: HEADERS,
  body: method === "POST" ? new Uint8Array(3) : null,
});
const go = (method: string, status: number, location: string) =>
  redirected(request(method), { status, location }, (value) => value === "secret");
const namesOf = (next: ReturnType<typeof go>): string[] =>
  "headers" in next ? next.headers.map(([name]) => name) : [];

test.for<[string, number, string, boolean]>([
  ["POST", 301, "GET", false],
  ["POST", 302, "GET", false],
  ["POST", 303, "GET", false],
  ["POST", 307, "POST", true],
  ["POST", 308, "POST", true],
  ["HEAD", 303, "HEAD", false],
  ["PUT", 302, "PUT", false],
])("a %s that gets a %s goes on as %s", ([method, status, next, keepsBody]) => {
  const answer = go(method, status, "../c?d#e");
  expect(answer).toMatchObject({ method: next });
  if ("problem" in answer) throw new Error(answer.problem);
  expect(String(answer.url)).toBe("https://api.example.com/c?d");
  expect(answer.body !== null).toBe(keepsBody);
});

test("what says who is asking stays behind where a redirect leads to another origin", () => {
  expect(namesOf(go("GET", 302, "https://api.example.com/c"))).toHaveLength(5);
  const elsewhere = [
    "https://evil.example/",
    "http://api.example.com/",
    "https://api.example.com:8443/",
    "//evil.example",
  ];
  for (const location of elsewhere) {
    expect(namesOf(go("GET", 307, location))).toEqual(["Accept", "Content-Type"]);
  }
});

test.for(["https://user:p@api.example.com/", "file:///etc/passwd", "javascript:1", "http://"])(
  "a redirect to %s goes nowhere",
  (location) => {
    expect(go("GET", 302, location)).toHaveProperty("problem");
  },
);
