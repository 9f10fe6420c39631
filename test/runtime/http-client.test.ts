// HTTP from a guest to a real server on this machine: what is granted, what is refused, how it is recorded, and
// what becomes of a call that does not come to its end.

import { expect, inject, test } from "vitest";
import { until, type Probe } from "./stage.ts";
import { gave, startTools, tools } from "./tools.ts";

const { first, second, closed } = inject("origins");
const ALL_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

const client = async (
  grant: Record<string, unknown> = {},
  limits: Record<string, number> = {},
): Promise<Probe> =>
  await tools(
    {
      "http-client": { allowed_hosts: [first], allowed_methods: ALL_METHODS, ...grant },
      filesystem: { read: true, write: true, allowed_paths: ["."] },
    },
    limits,
  );

interface Seen {
  server: number;
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  cut: boolean;
}

/** The requests whose path holds the mark. */
async function seen(mark: string): Promise<Seen[]> {
  return await (await fetch(`${first}/seen/${mark}`)).json();
}

const mark = (): string => crypto.randomUUID();

/** How the calls of http-client are on record: the types, the outcomes, and the newest's fields. */
async function recorded(actor: Probe) {
  const events = (await actor.events()).filter(({ about }) => about.includes("http-client"));
  return { types: events.map(({ type }) => type), last: events.at(-1)?.fields ?? {}, events };
}

test("a request goes out as it was asked for, and its response comes back and is recorded", async () => {
  const [actor, id] = [await client(), mark()];
  const request = {
    method: "POST",
    url: `${first}/echo/${id}?a=b%20c`,
    headers: [
      ["X-Key", "v1"],
      ["content-type", "text/plain"],
    ],
    body: "hëllo",
  };
  const [response] = (await gave(actor, ["http", request])) as [
    { status: number; headers: string[][]; body: string },
  ];
  expect(response.status).toBe(200);
  expect(response.headers).toContainEqual(["x-echo", "v1"]);
  expect(JSON.parse(response.body)).toMatchObject({
    method: "POST",
    url: `/echo/${id}?a=b%20c`,
    body: "hëllo",
  });
  expect(await seen(id)).toHaveLength(1);
  const { types, last, events } = await recorded(actor);
  expect(types).toEqual(["host.intended", "host.returned"]);
  expect(events[0]?.fields["args"]).toMatchObject([{ method: "POST", uri: request.url }]);
  expect(last).toMatchObject({ outcome: "returned", result: { ok: { status: 200 } } });
});

test.for(ALL_METHODS)(
  "%s is sent as such where it is granted, and denied where it is not",
  async (method) => {
    const id = mark();
    const url = `${first}/echo/${id}`;
    const [sent] = await gave(await client(), ["http", { method, url }]);
    expect(sent).toMatchObject({ status: 200 });
    const others = ALL_METHODS.filter((each) => each !== method);
    const refusing = await client({ allowed_methods: others });
    const [refused] = await gave(refusing, ["http", { method, url }]);
    expect(refused).toBe(`err: Permission denied: ${method} is not in allowed_methods`);
    expect((await seen(id)).map((each) => each.method)).toEqual([method]);
    const { types, last } = await recorded(refusing);
    expect(types).toEqual(["host.called"]);
    expect(last).toMatchObject({ outcome: "denied" });
  },
);

test("a manifest that names no host grants none, and one that names no method grants reading", async () => {
  const id = mark();
  const url = `${first}/echo/${id}`;
  const nowhere = await tools({ "http-client": {} });
  expect((await gave(nowhere, ["http", { url }]))[0]).toMatch(
    /Permission denied: .* allowed_hosts/,
  );
  const reader = await tools({ "http-client": { allowed_hosts: [first] } });
  const answers = await gave(reader, ["http", { url, method: "POST" }], ["http", { url }]);
  expect(answers).toEqual([
    expect.stringMatching(/Permission denied/),
    expect.objectContaining({ status: 200 }),
  ]);
  expect(await seen(id)).toHaveLength(1);
});

test.for([
  second,
  closed,
  first.replace("http:", "https:"),
  first.replace("127.0.0.1", "localhost"),
  first.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
  "http://169.254.169.254/",
])("no request leaves for %s, which is not granted, with a wildcard or without", async (origin) => {
  const actor = await client({ allowed_hosts: [first, "*", "http://*"] });
  expect((await gave(actor, ["http", { url: `${origin}/x` }]))[0]).toMatch(
    /^err: Permission denied: .* is not in allowed_hosts/,
  );
  expect((await recorded(actor)).last).toMatchObject({ outcome: "denied" });
});

test("another spelling of a granted address is that address", async () => {
  const url = first.replace("127.0.0.1", "0x7f000001");
  expect((await gave(await client(), ["http", { url: `${url}/echo/a` }]))[0]).toMatchObject({
    status: 200,
  });
});

test.for<[string, Record<string, unknown>]>([
  ["no URL", { url: "no url" }],
  ["a user in the URL", { url: first.replace("//", "//user:pass@") }],
  ["a Host header", { url: first, headers: [["Host", "evil.example"]] }],
  ["a Content-Length header", { url: first, headers: [["content-length", "5"]] }],
  ["a line break in a header", { url: first, headers: [["a", "b\r\nx: y"]] }],
  ["an unknown method", { url: first, method: "BREW" }],
])("%s is an error, and nothing leaves", async ([, request]) => {
  const actor = await client();
  expect((await gave(actor, ["http", request]))[0]).toMatch(/^err: bad-request: /);
  expect((await recorded(actor)).types).toEqual(["host.called"]);
});

test("headers come back one by one, and a packed body is unpacked", async () => {
  const actor = await client();
  const [headers, packed] = (await gave(
    actor,
    ["http", { url: `${first}/headers` }],
    ["http", { url: `${first}/gzip` }],
  )) as { headers: string[][]; body: string }[];
  expect(headers?.headers.filter(([name]) => name === "set-cookie")).toEqual([
    ["set-cookie", "a=1; Path=/"],
    ["set-cookie", "b=2"],
  ]);
  expect(headers?.headers).toContainEqual(["x-two", "one, two"]);
  expect(packed?.body).toHaveLength(9_000);
  expect(packed?.headers.map(([name]) => name)).not.toContain("content-encoding");
});

test.for([
  ["long/300000", true],
  ["long/300001", false],
  ["bomb", false],
  ["endless", false],
] as const)("a response has at most max_response_bytes: %s, %s", async ([path, fits]) => {
  const actor = await client({ max_response_bytes: 300_000 });
  const [answer] = await gave(actor, ["http-length", { url: `${first}/${path}` }]);
  const tooLarge = "err: too-large: the response has more than 300000 bytes (max_response_bytes)";
  expect(answer).toBe(fits ? 300_000 : tooLarge);
});

test("a request has at most max_request_bytes", async () => {
  const [actor, id] = [await client({ max_request_bytes: 4 }), mark()];
  const post = (body: string) => ["http", { method: "POST", url: `${first}/echo/${id}`, body }];
  const [small, large] = await gave(actor, post("1234"), post("12345"));
  expect(small).toMatchObject({ status: 200 });
  expect(large).toMatch(/Permission denied: .*max_request_bytes/);
  expect(await seen(id)).toHaveLength(1);
});

test("a body that comes in pieces comes whole, and a long one is recorded by reference", async () => {
  const actor = await client();
  const [pieces] = (await gave(actor, ["http", { url: `${first}/chunks/50` }])) as {
    body: string;
  }[];
  expect(pieces?.body.split(";")).toHaveLength(51);
  await gave(actor, ["http-length", { url: `${first}/long/100000` }]);
  const { last } = await recorded(actor);
  expect(last).toMatchObject({ result: { ok: { body: [{ codec: "raw" }] } } });
});

test.for(["slow", "silent"])(
  "a %s server is given up after timeout_ms, and the connection goes",
  async (path) => {
    const [actor, id] = [await client({ timeout_ms: 200 }), mark()];
    const answers = await gave(
      actor,
      ["http", { url: `${first}/${path}/${id}` }],
      ["http", { url: `${first}/${path}/${id}`, method: "POST" }],
    );
    expect(answers[0]).toBe("err: timeout: no whole response within 200 ms (timeout_ms)");
    expect(answers[1]).toMatch(/timeout_ms\); whether the server has acted is unknown$/);
    expect((await recorded(actor)).last).toMatchObject({ outcome: "failed" });
    await until(async () => (await seen(id)).every(({ cut }) => cut));
  },
);

test("a connection that breaks or is refused is an error without the platform's words", async () => {
  const actor = await client({ allowed_hosts: [first, closed] });
  const answers = await gave(
    actor,
    ["http", { url: `${closed}/` }],
    ["http", { url: `${first}/broken` }],
  );
  expect(answers).toEqual([
    `err: no-response: the connection to ${closed} failed`,
    `err: no-response: the connection to ${first} failed`,
  ]);
});

test("without max_redirects a redirect is the response", async () => {
  const url = `${first}/to/302/${encodeURIComponent("/echo/x")}`;
  const [answer] = await gave(await client(), ["http", { url }]);
  expect(answer).toMatchObject({ status: 302, body: "on the way" });
});

test("redirects are followed to granted origins, and each hop is checked", async () => {
  const actor = await client({ allowed_hosts: [first, second], max_redirects: 2 });
  const id = mark();
  const to = (target: string, from = first) => `${from}/to/307/${encodeURIComponent(target)}`;
  const headers = [
    ["authorization", "Bearer a"],
    ["accept", "text/x"],
  ];
  const program = [
    `${second}/echo/${id}`,
    "http://169.254.169.254/latest/meta-data",
    first.replace("127.0.0.1", "localhost"),
    to("http://10.0.0.1/", second),
    "file:///etc/passwd",
  ].map((target) => ["http", { url: to(target), headers }]);
  const answers = await gave(actor, ...program);
  expect(answers[0]).toMatchObject({ status: 200 });
  for (const answer of answers.slice(1, 4)) {
    expect(answer).toMatch(/^err: Permission denied: redirected: .* is not in allowed_hosts/);
  }
  expect(answers[4]).toMatch(/^err: bad-redirect: /);
  const arrived = (await seen(id)).find(({ url }) => url.startsWith("/echo"));
  expect(arrived).toMatchObject({ server: 2, headers: { accept: "text/x" } });
  expect(arrived?.headers).not.toHaveProperty("authorization");
});

test("a redirect does not change a granted method into one that is not", async () => {
  const actor = await client({ allowed_methods: ["POST"], max_redirects: 1 });
  const url = `${first}/to/303/${encodeURIComponent("/echo/x")}`;
  const [answer] = await gave(actor, ["http", { url, method: "POST" }]);
  expect(answer).toBe("err: Permission denied: redirected: GET is not in allowed_methods");
});

test("a loop of redirects ends after max_redirects", async () => {
  const [actor, id] = [await client({ max_redirects: 3 }), mark()];
  const [answer] = await gave(actor, ["http", { url: `${first}/loop/${id}` }]);
  expect(answer).toBe("err: too-many-redirects: more than 3 (max_redirects)");
  expect(await seen(id)).toHaveLength(4);
});

test("the end of a turn ends its request", async () => {
  const [actor, id] = [await client({ timeout_ms: 60_000 }, { turn_ms: 500 }), mark()];
  const ended = await actor.ask([["http", { url: `${first}/slow/${id}` }]]);
  expect(ended.gave).not.toEqual([]);
  await until(async () => (await seen(id))[0]?.cut === true);
  expect((await actor.lines()).at(-1)).toMatch(/turn\.failed cut\/turn-ms/);
});

/** Crashes the actor once the server has the first request, which is not answered; the second one is. */
async function crashed(request: Record<string, unknown>, grant: Record<string, unknown> = {}) {
  const [actor, id] = [await client(grant), mark()];
  await actor.tell([
    ["write", "before", "written"],
    ["http", { ...request, url: `${first}/again/${id}` }],
    ["read", "before"],
  ]);
  await until(async () => (await seen(id)).length === 1);
  await actor.crash();
  await until(async () => (await actor.lines()).at(-1)?.startsWith("turn.committed") ?? false);
  const { last } = await recorded(actor);
  return { actor, arrived: (await seen(id)).length, last };
}

test.for<[string, Record<string, unknown>, Record<string, unknown>]>([
  ["a GET", {}, {}],
  ["a PUT that the manifest calls repeatable", { method: "PUT" }, { repeatable_methods: ["PUT"] }],
  ["a POST with an Idempotency-Key", { method: "POST", headers: [["Idempotency-Key", "1"]] }, {}],
])(
  "%s that was cut off by a crash is sent again, and the turn goes on",
  async ([, request, grant]) => {
    const { actor, arrived, last } = await crashed(request, grant);
    expect(arrived).toBe(2);
    expect(last).toMatchObject({ outcome: "returned" });
    expect(await gave(actor, ["read", "before"])).toEqual(["written"]);
  },
);

test.for<[string, Record<string, unknown>]>([
  ["a POST", { method: "POST" }],
  ["a PUT", { method: "PUT" }],
])(
  "%s that was cut off by a crash is not sent again: its outcome is unknown",
  async ([, request]) => {
    const { actor, arrived, last } = await crashed(request);
    expect(arrived).toBe(1);
    expect(last).toMatchObject({
      outcome: "failed",
      result: { err: expect.stringMatching(/^outcome-unknown/) as string },
    });
    expect(await gave(actor, ["read", "before"])).toEqual(["written"]);
  },
);

test.for<[string, Record<string, unknown>]>([
  ["a host with a path", { allowed_hosts: ["https://example.com/a"] }],
  ["a wildcard for local names", { allowed_hosts: ["*.localhost"] }],
  ["an unknown method", { allowed_methods: ["TRACE"] }],
  ["a repeatable POST", { repeatable_methods: ["POST"] }],
  ["a secret for a wildcard", { secrets: { KEY: ["*.example.com"] } }],
  ["too many redirects", { max_redirects: 11 }],
  ["too long a time", { timeout_ms: 120_001 }],
  ["an unknown key", { hosts: [] }],
])("a manifest with %s is refused", async ([, grant]) => {
  expect(await startTools({ "http-client": grant })).toMatchObject({
    ok: false,
    error: { code: "bad-manifest" },
  });
});
