// Goal: no two turns share a place unless nothing of the first can run any more. Method: environments made by hand,
// which tell who was given them; the rest is the real thing.

import { expect, test } from "vitest";
import type { Value } from "../../src/chain/value.ts";
import type { HostAnswer, TurnHost, TurnInput, TurnOutput } from "../../src/executor/executor.ts";
import { Instances, type Environment } from "../../src/executor/instances.ts";
import type { Imports } from "../../src/executor/recorder.ts";
import type { ComponentDescription } from "../../src/executor/wit-type.ts";

type Run = (host: Record<string, (...args: unknown[]) => unknown>, what: string) => unknown;

const description: ComponentDescription = {
  imports: [
    {
      name: "test:host/host",
      functions: { ask: { params: [["what", "string"]], result: "string" } },
      types: [],
    },
  ],
  exports: [
    {
      name: "test:host/guest",
      functions: {
        run: { params: [["what", "string"]], result: { result: { ok: "string", err: "string" } } },
      },
      types: [],
    },
  ],
};

interface Stage {
  turn: (what: string, host?: TurnHost) => Promise<TurnOutput>;
  /** The number of the environment that each instance was made in. */
  used: number[];
  instances: Instances;
}

function stage(run: Run, rest = (): boolean => true): Stage {
  const used: number[] = [];
  let made = 0;
  const environment = (): Environment => {
    const own = made++;
    return {
      restorable: false,
      rest,
      instantiate(_, imports: Imports) {
        used.push(own);
        const host = imports["test:host/host"] ?? {};
        return { "test:host/guest": { run: async (what: string) => await run(host, what) } };
      },
    };
  };
  const pure = { functions: {}, streamSeed: () => new Uint8Array(32), standIn: () => undefined };
  const instances = new Instances({ environment, cores: {}, description }, pure);
  const turn: Stage["turn"] = (what, host = echo) => instances.run(inputOf(what), host);
  return { turn, used, instances };
}

const inputOf = (what: string): TurnInput => ({
  about: "test:host/guest#run",
  params: [what],
  time: 0,
  turn: 1,
  seed: new Uint8Array(32),
  grants: {},
  hostCallsMax: 10,
});

const echo: TurnHost = {
  call: async (_, [what = null]: readonly Value[]): Promise<HostAnswer> => ({
    outcome: "returned",
    result: what,
  }),
};

/** A host that answers when it is told to. */
function slow(): { host: TurnHost; answer: () => void } {
  const { promise, resolve } = Promise.withResolvers<HostAnswer>();
  const answer = (): void => resolve({ outcome: "returned", result: "late" });
  return { host: { call: () => promise }, answer };
}

test("turns that end one after the other, well or with an error of their own, share a place", async () => {
  const { turn, used } = stage((_, what) => {
    // oxlint-disable-next-line only-throw-error -- what jco gives for an err
    if (what === "b") throw "no";
    return what;
  });
  expect((await turn("a")).outcome).toEqual({ kind: "returned", value: "a" });
  expect((await turn("b")).outcome).toEqual({ kind: "refused", error: "no" });
  expect((await turn("c")).outcome).toEqual({ kind: "returned", value: "c" });
  expect(used).toEqual([0, 0, 0]);
});

test("turns at the same time have a place each, and so have instances that wait for one", async () => {
  const { turn, used, instances } = stage((host, what) => host["ask"]?.(what));
  const { host, answer } = slow();
  const [first, second] = [turn("a", host), turn("b", host)];
  answer();
  await Promise.all([first, second]);
  expect(used).toEqual([0, 1]);
  await instances.refill();
  expect(new Set(used.slice(2)).size).toBe(4);
});

test("the place of a turn that failed is nobody's any more", async () => {
  const { turn, used } = stage((_, what) => {
    if (what === "trap") throw new Error("unreachable");
    return what;
  });
  await turn("trap");
  await turn("b");
  expect(used).toEqual([0, 1]);
});

test("nor is that of a turn which the host failed, although the guest went on", async () => {
  const { turn, used } = stage(async (host) => {
    await Promise.resolve(host["ask"]?.("x")).catch(() => undefined);
    return "fine";
  });
  const abort = { kind: "cut", code: "over", message: "over" } as const;
  expect((await turn("a", { call: async () => ({ abort }) })).outcome).toMatchObject({
    code: "over",
  });
  await turn("b");
  expect(used).toEqual([0, 1]);
});

test("nor that of a turn which left a call behind, and its answer reaches no other turn", async () => {
  const heard: unknown[] = [];
  const { turn, used } = stage((host, what) => {
    const said = what === "leaves" ? Promise.resolve(host["ask"]?.("x")) : null;
    void said?.then((answered) => heard.push(answered));
    return what;
  });
  const { host, answer } = slow();
  await turn("leaves", host);
  await turn("b");
  expect(used).toEqual([0, 1]);
  answer();
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(heard).toEqual(["late"]);
});

test("nor that of one which set a timer", async () => {
  let isIdle = true;
  const { turn, used } = stage(
    (_, what) => {
      isIdle = what !== "timer";
      return what;
    },
    () => isIdle,
  );
  await turn("timer");
  await turn("b");
  expect(used).toEqual([0, 1]);
});

test("a call behind the end of its turn is of no turn", async () => {
  let kept: (() => unknown) | undefined;
  const { turn } = stage((host, what) => {
    kept ??= () => host["ask"]?.("late");
    return what;
  });
  await turn("a");
  await expect(kept?.()).rejects.toThrow("before the turn");
});
