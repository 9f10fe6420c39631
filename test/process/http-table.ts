// What is asked of an actor's HTTP server, and what of its answer must be so.

import type { Answer, Ask } from "./http-site.ts";

export const TEN_MB = 10_000_000;

const ten = Buffer.alloc(TEN_MB, "abcdefghij");

/** Of every 997th byte. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 997) sum = (sum * 31 + (bytes[at] ?? 0)) % 65_521;
  return sum;
}

const halves = [ten.subarray(0, TEN_MB / 2), ten.subarray(TEN_MB / 2)];

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const STATUSES = [200, 201, 203, 206, 301, 400, 401, 404, 410, 418, 422, 429, 500, 503, 599];

/** What is asked, and what of the answer must be so. */
export const table: readonly (readonly [string, string, Ask, Partial<Answer>, string | object])[] =
  [
    ...METHODS.map(
      (method) =>
        [`method ${method}`, "/echo", { method }, { status: 200 }, { method, length: 0 }] as const,
    ),
    ...STATUSES.map(
      (status) => [`status ${status}`, `/status/${status}`, {}, { status }, "body"] as const,
    ),
    ["no content", "/empty", {}, { status: 204 }, ""],
    ["not modified", "/status/304", {}, { status: 304 }, ""],
    [
      "a text with its length",
      "/text",
      {},
      { status: 200, headers: { "content-length": "7" } },
      "grüße",
    ],
    [
      "a query",
      "/query?one=1&all=a&all=%C3%A4%20b",
      {},
      { status: 200 },
      { one: "1", all: ["a", "ä b"] },
    ],
    ["HEAD", "/text", { method: "HEAD" }, { status: 200 }, ""],
    ["an await", "/async", {}, { status: 200 }, "ab"],
    [
      "a middleware",
      "/middleware/ada",
      {},
      { status: 200, headers: { "x-after": "yes" } },
      "hello ada",
    ],
    [
      "a middleware that answers",
      "/middleware/ada",
      { headers: { "x-stop": "1" } },
      { status: 401 },
      "stopped",
    ],
    [
      "a range",
      "/range",
      { headers: { range: "bytes=2-4" } },
      { status: 206, headers: { "content-range": "bytes 2-4/10" } },
      "234",
    ],
    [
      "chunks out",
      "/chunked",
      {},
      { status: 200, headers: { "transfer-encoding": "chunked" } },
      "in chunks",
    ],
    [
      "bytes with an encoding",
      "/gzip",
      {},
      { status: 200, headers: { "content-encoding": "gzip" } },
      "not really",
    ],
    ["a redirect", "/redirect", {}, { status: 302, headers: { location: "/a/web/text" } }, ""],
    ["no route of the application", "/none", {}, { status: 404 }, "404 Not Found"],
    ["an error of the application", "/throws", {}, { status: 500 }, "Internal Server Error"],
    [
      "an empty body",
      "/echo",
      { method: "POST", headers: { "content-length": "0" } },
      { status: 200 },
      { length: 0 },
    ],
    ["chunks in", "/echo", { method: "POST", parts: ["ab", "cd"] }, { status: 200 }, { length: 4 }],
    [
      "10 MB in chunks",
      "/echo",
      { method: "PUT", parts: halves },
      { status: 200 },
      { length: TEN_MB, sum: sumOf(ten) },
    ],
    [
      "a form",
      "/form",
      {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        parts: ["a=1+2&b=%C3%A4"],
      },
      { status: 200 },
      [
        ["a", "1 2"],
        ["b", "ä"],
      ],
    ],
  ];

export type Row = (typeof table)[number];

/** What the component in C does as the application does it. */
const SHARED = /^\/(?:echo|status|empty|text|range|gzip)\b/;
export const plainTable: readonly Row[] = [
  ...table.filter(([, path]) => SHARED.test(path)),
  ["another method", "/echo", { method: "PROPFIND" }, { status: 200 }, { method: "PROPFIND" }],
  ["a redirect", "/redirect", {}, { status: 302, headers: { location: "/a/plain/text" } }, ""],
  ["a path that it has not", "/none", {}, { status: 404 }, "nothing here"],
  ["the authority", "/authority", { headers: { host: "me.test" } }, { status: 200 }, "me.test"],
  ["a query", "/query?a=%C3%A4%20b", {}, { status: 200 }, "?a=%C3%A4%20b"],
  ["a body up and down", "/mirror", { method: "POST", parts: ["ab", "cd"] }, {}, "abcd"],
];

/** How the component in C can fail, and what its visitor is told. */
export const failures = [
  ["/trap", 500, "guest-trap", "unreachable"],
  ["/resources", 500, "guest-trap", "too many resources"],
  ["/silent", 500, "guest-trap", "no-response"],
  ["/unfinished", 500, "guest-trap", "incomplete-response"],
  ["/short", 500, "guest-trap", "incomplete-response"],
  ["/never", 500, "limit-exceeded", "never-ready"],
  ["/forever", 500, "limit-exceeded", "a wait has at most 5000 ms"],
  ["/fetch/ORIGIN/slow", 504, "too-slow", "turn-ms"],
  ["/error", 422, "guest-error", "connection-refused"],
  ["/big/11000000", 502, "bad-response", "max_response_bytes"],
] as const;
