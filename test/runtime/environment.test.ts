// What an actor sees of the operator's settings. The settings themselves are in vitest.config.ts.

import { expect, test } from "vitest";
import { call, gave, startTools, tools } from "./tools.ts";

const grant = {
  environment: {
    allowed_vars: ["REGION", "LOG_NAME", "LOG_KEY", "THEATER_TOKEN_SHA256"],
    allowed_prefixes: ["APP_"],
    denied_vars: ["APP_TOKEN"],
    secrets: ["API_KEY", "SHORT", "MISSING"],
    allow_list_all: true,
  },
};

test("a granted variable is read, and the call is recorded with its value", async () => {
  const actor = await tools(grant);
  expect(await gave(actor, ["get-var", "REGION"], ["exists", "REGION"])).toEqual(["eu", true]);
  expect(await call(actor, "get-var")).toMatchObject({
    args: ["REGION"],
    outcome: "returned",
    result: ["eu"],
  });
});

test.for(["APP_TOKEN", "OTHER_KEY", "HOME", "ACTOR_ENV_REGION"])(
  "%s is not granted, looks as if it did not exist, and is recorded as denied",
  async (name) => {
    const actor = await tools(grant);
    expect(await gave(actor, ["get-var", name], ["exists", name])).toEqual([null, false]);
    expect(await call(actor, "get-var")).toMatchObject({ outcome: "denied", result: null });
    expect(await call(actor, "exists")).toMatchObject({ outcome: "denied", result: false });
  },
);

test("the Worker's own settings are no variables, whatever the manifest says", async () => {
  const actor = await tools(grant);
  const own = ["LOG_NAME", "LOG_KEY", "THEATER_TOKEN_SHA256"];
  expect(await gave(actor, ...own.map((name) => ["get-var", name]))).toEqual([null, null, null]);
});

test("all that may be read is listed by name in order, if the manifest allows to list", async () => {
  const [listed] = await gave(await tools(grant), ["list-vars"]);
  const mark = expect.stringMatching(/^secret\.API_KEY\.[0-9a-f]{32}$/) as string;
  expect(listed).toEqual([
    ["API_KEY", mark],
    ["APP_MODE", "test"],
    ["REGION", "eu"],
  ]);
  const silent = await tools({ environment: { ...grant.environment, allow_list_all: false } });
  expect(await gave(silent, ["list-vars"])).toEqual([[]]);
  expect(await call(silent, "list-vars")).toMatchObject({ outcome: "denied", result: [] });
});

test("a handler without keys grants no variable at all", async () => {
  const actor = await tools();
  expect(await gave(actor, ["get-var", "REGION"], ["list-vars"])).toEqual([null, []]);
});

test("of a secret there is only a placeholder, the same at every reading and in another life", async () => {
  const actor = await tools(grant);
  const program = [
    ["get-var", "API_KEY"],
    ["exists", "API_KEY"],
  ];
  const [mark, exists] = await gave(actor, ...program);
  expect(mark).toMatch(/^secret\.API_KEY\.[0-9a-f]{32}$/);
  expect(exists).toBe(true);
  await actor.evict();
  expect(await gave(actor, ...program)).toEqual([mark, true]);
  const other = await tools(grant);
  expect((await gave(other, ...program))[0]).not.toBe(mark);
});

test("a secret that is not set, or too short to be told from chance, does not exist", async () => {
  const actor = await tools(grant);
  expect(await gave(actor, ["get-var", "MISSING"], ["get-var", "SHORT"])).toEqual([null, null]);
  expect(await call(actor, "get-var")).toMatchObject({ outcome: "returned", result: null });
});

test.for<[string, Record<string, unknown>]>([
  ["an unknown key", { allowed_var: ["A"] }],
  ["a secret's name that no binding can have", { secrets: ["a-b"] }],
  ["names that are no list", { allowed_vars: "REGION" }],
])("%s is refused before the actor is born", async ([, environment]) => {
  expect(await startTools({ environment })).toMatchObject({
    ok: false,
    error: { code: "bad-manifest" },
  });
});
