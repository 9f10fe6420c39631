// Secrets: they arrive at the granted host, and their bytes are nowhere else. Both secrets are in vitest.config.ts.

import { Buffer } from "node:buffer";
import { afterEach, beforeEach, expect, inject, test, vi } from "vitest";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { bindings, type Probe } from "./stage.ts";
import { gave, tools } from "./tools.ts";

const { first, second } = inject("origins");
const { ACTOR_SECRET_API_KEY: KEY } = bindings as unknown as { ACTOR_SECRET_API_KEY: string };

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** In every form in which it goes out. */
const FORMS = [KEY, encodeURIComponent(KEY), JSON.stringify(KEY).slice(1, -1)];

const lines: string[] = [];
beforeEach(() => {
  lines.length = 0;
  for (const name of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, name).mockImplementation(
      (...line: unknown[]) => void lines.push(line.map(String).join(" ")),
    );
  }
});
afterEach(() => {
  vi.restoreAllMocks();
});

const spy = async (more: Record<string, unknown> = {}): Promise<Probe> =>
  await tools({
    environment: { secrets: ["API_KEY", "OTHER_KEY"] },
    "http-client": {
      allowed_hosts: [first, second],
      allowed_methods: ["GET", "POST"],
      secrets: { API_KEY: [first] },
      max_redirects: 3,
      ...more,
    },
    filesystem: { read: true, write: true, allowed_paths: ["."] },
  });

async function seen(
  id: string,
): Promise<{ server: number; url: string; headers: Record<string, string>; body: string }[]> {
  return await (await fetch(`${first}/seen/${id}`)).json();
}

/** Everything that is kept anywhere, as one text with a character for each byte. */
async function everything(actor: Probe): Promise<string> {
  const parts: string[] = [];
  const add = (value: unknown): void => {
    const isBytes = value instanceof ArrayBuffer || Array.isArray(value); // D1 gives a BLOB as an array
    parts.push(isBytes ? latin1(new Uint8Array(value)) : latin1(fromUtf8(String(value))));
  };
  await actor.inside((_, { storage }) => {
    const tables = storage.sql.exec<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    );
    for (const { name } of tables.toArray()) {
      const rows = storage.sql.exec(`SELECT * FROM "${name}"`).toArray();
      for (const row of rows) Object.values(row).forEach(add);
    }
  });
  const tables = await bindings.LEDGER.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>();
  for (const { name } of tables.results) {
    const { results } = await bindings.LEDGER.prepare(`SELECT * FROM "${name}"`).all();
    for (const row of results) Object.values(row).forEach(add);
  }
  for (let cursor: string | undefined; ;) {
    const page = await bindings.CONTENT.list(cursor === undefined ? {} : { cursor });
    for (const { key } of page.objects) {
      add(key);
      add(await (await bindings.CONTENT.get(key))?.arrayBuffer());
    }
    if (!page.truncated) break;
    cursor = page.cursor;
  }
  for (const line of lines) add(line);
  return parts.join("\n");
}

test("a secret arrives in header, URL and body, spelt as each needs", async () => {
  const [actor, id] = [await spy(), crypto.randomUUID()];
  const [response] = await gave(actor, [
    "http-with-var",
    "API_KEY",
    {
      method: "POST",
      url: `${first}/echo/${id}/$VAR?q=$VAR#$VAR`,
      headers: [
        ["x-key", "Bearer $VAR"],
        ["content-type", "application/json; charset=utf-8"],
      ],
      body: '{"key":"$VAR"}',
    },
  ]);
  expect(response).toMatchObject({ status: 200 });
  const [arrived] = await seen(id);
  const url = new URL(first + (arrived?.url ?? ""));
  expect(decodeURIComponent(url.pathname)).toBe(`/echo/${id}/${KEY}`);
  expect(url.searchParams.get("q")).toBe(KEY);
  expect(arrived?.headers["x-key"]).toBe(`Bearer ${KEY}`);
  expect(JSON.parse(arrived?.body ?? "")).toEqual({ key: KEY });
});

test("a form holds it as one value", async () => {
  const [actor, id] = [await spy(), crypto.randomUUID()];
  const headers = [["content-type", "application/x-www-form-urlencoded"]];
  await gave(actor, [
    "http-with-var",
    "API_KEY",
    { method: "POST", url: `${first}/echo/${id}`, headers, body: "a=$VAR&b=1" },
  ]);
  const form = new URLSearchParams((await seen(id))[0]?.body);
  expect([form.get("a"), form.get("b")]).toEqual([KEY, "1"]);
});

test("a server that repeats the secret gives the guest its placeholder", async () => {
  const actor = await spy();
  const [mark] = (await gave(actor, ["get-var", "API_KEY"])) as [string];
  const [response] = (await gave(actor, [
    "http",
    { url: `${first}/leak`, headers: [["x-key", mark]] },
  ])) as [{ headers: string[][]; body: string }];
  expect(response.body.split("\n")).toEqual([mark, mark, JSON.stringify({ key: mark })]);
  expect(response.headers).toContainEqual(["x-leak", mark]);
  expect(response.headers).toContainEqual(["set-cookie", `key=${mark}`]);
});

test.for<[string, string, Record<string, unknown>]>([
  [
    "a host that its list does not name",
    "API_KEY",
    { url: `${second}/echo/$ID`, headers: [["x-key", "$VAR"]] },
  ],
  ["any host, where no list names it", "OTHER_KEY", { url: `${first}/echo/$ID?k=$VAR` }],
  [
    "another host in a body",
    "API_KEY",
    { url: `${second}/echo/$ID`, method: "POST", body: "\u0000$VAR" },
  ],
])("a secret does not go to %s", async ([, name, request]) => {
  const [actor, id] = [await spy(), crypto.randomUUID()];
  const filled = JSON.parse(JSON.stringify(request).replace("$ID", id)) as object;
  const [answer] = await gave(actor, ["http-with-var", name, filled]);
  expect(answer).toMatch(
    new RegExp(`^err: Permission denied: the secret ${name} may not go to http://127`),
  );
  expect(await seen(id)).toEqual([]);
  expect(
    (await actor.events()).findLast(({ type }) => type === "host.returned")?.fields,
  ).toMatchObject({ outcome: "denied" });
});

test("a redirect does not carry a secret on to a host that may not have it", async () => {
  const [actor, id] = [await spy(), crypto.randomUUID()];
  const to = `${first}/to/307/${encodeURIComponent(`${second}/echo/${id}`)}`;
  const [header, body] = await gave(
    actor,
    ["http-with-var", "API_KEY", { url: to, headers: [["x-key", "$VAR"]] }],
    ["http-with-var", "API_KEY", { url: to, method: "POST", body: "$VAR" }],
  );
  expect(header).toMatchObject({ status: 200 });
  expect(body).toMatch(/Permission denied: the secret API_KEY may not go to/);
  const arrived = (await seen(id)).filter(({ server }) => server === 2);
  expect(arrived).toHaveLength(1);
  expect(arrived[0]?.headers).not.toHaveProperty("x-key");
});

test("the placeholder of another actor is nothing but text", async () => {
  const [actor, other, id] = [await spy(), await spy(), crypto.randomUUID()];
  const [mark] = (await gave(other, ["get-var", "API_KEY"])) as [string];
  await gave(actor, ["http", { url: `${first}/echo/${id}`, headers: [["x-key", mark]] }]);
  expect((await seen(id))[0]?.headers["x-key"]).toBe(mark);
});

test("after all that can be done with a secret, its bytes are in no event, payload, file, object or log line", async () => {
  const actor = await spy();
  const long = {
    url: `${first}/echo/long`,
    method: "POST",
    headers: [["x-key", "$VAR"]],
    body: `${"x".repeat(100)}$VAR`.repeat(900),
  };
  const [mark] = (await gave(actor, ["get-var", "API_KEY"], ["log", "not it"])) as [string];
  const to = (status: number, path: string) => `${first}/to/${status}/${encodeURIComponent(path)}`;
  await gave(
    actor,
    ["http-with-var", "API_KEY", long],
    ["http-with-var", "API_KEY", { url: `${first}/leak`, headers: [["x-key", "$VAR"]] }],
    ["http-with-var", "API_KEY", { url: `${first}/echo/$VAR`, headers: [["x-key", "$VAR"]] }],
    ["http-with-var", "API_KEY", { url: `${to(302, "/echo/")}$VAR` }],
    ["http-with-var", "API_KEY", { url: `${first}/broken/$VAR` }],
    ["http-with-var", "API_KEY", { url: `${first}/loop/$VAR` }],
    ["http-with-var", "API_KEY", { url: to(302, `http://10.0.0.1/$VAR`) }],
    ["log", mark],
    ["write", "note", mark],
  );
  await actor.stub.settle();
  const all = await everything(actor);
  expect(all.includes(mark)).toBe(true); // it is looked for where it would be
  const found = FORMS.filter((form) => all.includes(latin1(fromUtf8(form))));
  expect(found).toEqual([]);
});

test("a body with more secrets in it than anybody needs is refused on the way out and on the way in", async () => {
  const [actor, id] = [await spy({ max_request_bytes: 1_000_000 }), crypto.randomUUID()];
  const post = (times: number) => ({
    url: `${first}/echo/${id}`,
    method: "POST",
    body: "$VAR".repeat(times),
  });
  const [out, back] = await gave(
    actor,
    ["http-with-var", "API_KEY", post(1_001)],
    ["http-with-var", "API_KEY", { url: `${first}/repeat/1001`, headers: [["x-key", "$VAR"]] }],
  );
  expect([out, back]).toEqual(Array(2).fill("err: too-large: a body holds too many secrets"));
  expect(await seen(id)).toEqual([]);
});

test("a server cannot have a secret put into a URL of its own choice", async () => {
  const [actor, id] = [await spy(), crypto.randomUUID()];
  const [mark] = (await gave(actor, ["get-var", "API_KEY"])) as [string];
  const known = Buffer.from(mark).toString("base64"); // as a server may have come to know it
  await gave(actor, ["http", { url: `${first}/decoded/${id}?${encodeURIComponent(known)}` }]);
  const [, arrived] = await seen(id);
  expect(arrived?.url).toBe(`/echo/${id}/${mark}`);
});
