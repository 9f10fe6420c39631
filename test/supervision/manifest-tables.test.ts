// The manifest's `[supervisor]` and `[[child]]`: what they mean, and that each slip is named.

import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { TheaterError } from "../../src/lib/errors.ts";
import { parseSupervision } from "../../src/supervision/manifest-tables.ts";
import { SUPERVISOR_DEFAULT, UNSUPERVISED } from "../../src/supervision/spec.ts";

const read = (toml: string): ReturnType<typeof parseSupervision> => parseSupervision(parse(toml));

function refusal(toml: string): TheaterError {
  try {
    read(toml);
  } catch (thrown) {
    if (thrown instanceof TheaterError) return thrown;
    throw thrown;
  }
  return expect.fail("was accepted");
}

test("without the tables, what is spawned is never restarted", () => {
  expect(read("").spec).toEqual(UNSUPERVISED);
});

test("an empty [supervisor] has OTP's defaults: one restart in five seconds, permanent, five seconds to stop", () => {
  expect(read("[supervisor]").spec).toEqual(SUPERVISOR_DEFAULT);
  expect(SUPERVISOR_DEFAULT).toMatchObject({
    strategy: "one-for-one",
    intensity: 1,
    periodMs: 5_000,
    autoShutdown: "never",
    spawned: { restart: "permanent", shutdown: 5_000, significant: false },
  });
});

test("every key arrives", () => {
  const { spec, sources } = read(`
    [supervisor]
    strategy = "rest-for-one"
    intensity = 3
    period_ms = 60_000
    auto_shutdown = "all-significant"
    on = { limit = "escalate" }
    [supervisor.backoff]
    min_ms = 200
    max_ms = 5_000
    factor = 1.5
    jitter = 0
    [supervisor.spawned]
    restart = "temporary"
    [[child]]
    name = "till"
    manifest = "./till.toml"
    init_state = "{}"
    restart = "transient"
    shutdown = "infinity"
    significant = true
    start_from = "init"
    on = { trap = "restart-from-init", component-missing = "stop" }
    [child.backoff]
    min_ms = 0
  `);
  expect(spec).toEqual({
    strategy: "rest-for-one",
    intensity: 3,
    periodMs: 60_000,
    autoShutdown: "all-significant",
    backoff: { minMs: 200, maxMs: 5_000, factor: 1.5, jitter: 0 },
    on: { limit: "escalate" },
    spawned: {
      restart: "temporary",
      shutdown: 5_000,
      significant: false,
      startFrom: "last-state",
      backoff: null,
      on: {},
    },
    children: [
      {
        id: "till",
        restart: "transient",
        shutdown: "infinity",
        significant: true,
        startFrom: "init",
        backoff: { minMs: 0, maxMs: 30_000, factor: 2, jitter: 0.2 },
        on: { trap: "restart-from-init", "component-missing": "stop" },
      },
    ],
  });
  expect(sources.get("till")).toEqual({ manifest: "./till.toml", initState: "{}" });
});

const CHILD = '[[child]]\nname = "a"\nmanifest = "./a.toml"\n';

test.each([
  ["[supervisor]\nintensty = 3", "supervisor.intensty", 'did you mean "intensity"?'],
  ["[supervisor.backoff]\nmin = 3", "supervisor.backoff.min", 'did you mean "min_ms"?'],
  ["[supervisor.on]\ntrapp = 'stop'", "supervisor.on.trapp", 'did you mean "trap"?'],
  ["[supervisor.spawned]\nname = 'x'", "supervisor.spawned.name", 'unknown key "name"'],
  ["[[child]]\nname = 'a'\nmanifst = 'x'", "child.0.manifst", 'did you mean "manifest"?'],
  [`${CHILD}on = { guest-error = "stop" }`, "child.0.on.guest-error", "unknown key"],
  ["[supervisor]\nstrategy = 'one_for_one'", "supervisor.strategy", 'did you mean "one-for-one"?'],
  ["[supervisor.on]\ntrap = 'restat'", "supervisor.on.trap", 'did you mean "restart"?'],
  ["[supervisor]\nperiod_ms = 0", "supervisor.period_ms", ">=1"],
  ["[supervisor]\nintensity = -1", "supervisor.intensity", ">=0"],
  ["[supervisor.backoff]\nmin_ms = 9\nmax_ms = 3", "supervisor.backoff", "min_ms is above max_ms"],
  [`${CHILD}shutdown = "never"`, "child.0.shutdown", "brutal-kill"],
  [`${CHILD}${CHILD}`, "child.1.name", "stands twice"],
  [
    `[supervisor]\nstrategy = "simple-one-for-one"\n${CHILD}`,
    "child",
    "put their policy into [supervisor.spawned]",
  ],
])("a slip is named with its key and the nearest known one: %j", (toml, key, message) => {
  const error = refusal(toml);
  expect(error.code).toBe("bad-manifest");
  expect(error.evidence).toEqual({ key });
  expect(error.message).toContain(message);
});

test("a key that JavaScript hides is refused as well", () => {
  const table = JSON.parse('{"supervisor": {"on": {"__proto__": {}}}}') as object;
  expect(() => parseSupervision(table)).toThrow("supervisor.on");
});
