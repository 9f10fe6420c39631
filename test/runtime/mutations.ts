// Single changes to a chain of test/runtime/program-actor by somebody who makes every hash fit again. Each says
// beforehand at which event it must be found; null: the guest cannot tell, and a signed checkpoint has to.

import { Link, type Value } from "../../src/chain/value.ts";
import { ChainCopy, type CopiedEvent } from "./chain-copy.ts";
import { ProgrammedTurns } from "./programmed-turns.ts";

export interface Mutation {
  name: string;
  /** The first position at which another event stands than in the true chain. */
  at: number;
  /** As the changed chain counts. */
  expected: number | null;
  chain: ChainCopy;
}

type Changer = (chain: ChainCopy, turns: ProgrammedTurns, at: CopiedEvent) => Mutation | undefined;

const isObject = (value: Value | undefined): value is Readonly<Record<string, Value>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Link);

const ENDS: ReadonlySet<string> = new Set(["turn.committed", "turn.refused", "turn.failed"]);
const isCall = ({ type }: CopiedEvent): boolean =>
  type === "host.called" || type === "host.intended";

function fieldsOf(chain: ChainCopy, at: CopiedEvent, fields: Record<string, Value>): ChainCopy {
  return chain.changed(at.was, (event) => ({ fields: { ...event.fields, ...fields } }));
}

/** Another result: for the guest one it can take, an error in the place of whatever there was. */
const result: Changer = (chain, turns, at) => {
  if (at.type !== "host.called" && at.type !== "host.returned") return undefined;
  const { result: was } = at.fields;
  const isPure = turns.isPure(at.about);
  const isResult = isObject(was) && ("ok" in was || "err" in was);
  if (!isResult && !isPure && !Array.isArray(was) && typeof was !== "boolean") return undefined;
  const now: Value = isResult
    ? { err: "changed" }
    : typeof was === "boolean"
      ? !was
      : typeof was === "number"
        ? was + 1
        : Array.isArray(was)
          ? null
          : 1;
  if (Array.isArray(was) && !isPure) return undefined;
  const expected = isPure ? at.was : turns.dependent(at, was ?? null);
  const changed = fieldsOf(chain, at, { result: now });
  return { name: `result of ${at.about}`, at: at.was, expected, chain: changed };
};

const args: Changer = (chain, _, at) => {
  if (!isCall(at)) return undefined;
  const now = [...(at.fields["args"] as Value[]), "changed"];
  const name = `args of ${at.about}`;
  return { name, at: at.was, expected: at.was, chain: fieldsOf(chain, at, { args: now }) };
};

const about: Changer = (chain, _, at) => {
  // With only one event of a pair changed, the pair itself does not fit: found at the first all the same.
  if (!isCall(at)) return undefined;
  const other = "theater:simple/store#list-labels";
  if (at.about === other) return undefined;
  const changed = chain.changed(at.was, () => ({ about: other }));
  const expected = at.type === "host.called" ? at.was : chain.at(at.was).was + 1;
  return at.type === "host.called"
    ? { name: `function of ${at.about}`, at: at.was, expected, chain: changed }
    : undefined;
};

const key: Changer = (chain, turns, at) => {
  if (at.type !== "host.intended" || turns.isUnheard(at)) return undefined;
  const changed = fieldsOf(chain, at, { key: `${at.fields["key"] as string}0` });
  return { name: `key of ${at.about}`, at: at.was, expected: at.was, chain: changed };
};

const end: Changer = (chain, turns, at) => {
  const { fields, was, type } = at;
  const made = (name: string, more: Record<string, Value>, expected: number | null = was) => ({
    name: `${type}: ${name}`,
    at: was,
    expected,
    chain: fieldsOf(chain, at, more),
  });
  if (type === "turn.refused") return made("other words", { error: "changed" });
  if (type === "turn.failed") {
    const isCut = ["cut", "host", "lost"].includes(fields["kind"] as string);
    return made("other code", { code: "changed" }, isCut ? null : was);
  }
  if (type !== "turn.committed") return undefined;
  switch (turns.choose(3)) {
    case 0:
      return made("other state", { state: [new Uint8Array([123, 125])] });
    case 1:
      return made("other sends", { sends: [{ to: chain.actor, bytes: 1 }] });
    default:
      return made("other answer", { result: [[new Uint8Array([1, 2])]] });
  }
};

const message: Changer = (chain, turns, at) => {
  if (at.type !== "message.received") return undefined;
  const run = turns.runOf(at.was);
  const changed = turns.withStep(at, ["log", "inserted"]);
  if (changed === undefined || run === undefined) return undefined;
  const [first] = run.calls;
  const expected = first?.was ?? (run.isCut ? null : run.end.was);
  return {
    name: `body of a ${at.about}`,
    at: at.was,
    expected,
    chain: fieldsOf(chain, at, { params: changed }),
  };
};

const sender: Changer = (chain, _, at) => {
  if (at.type !== "message.received" || at.fields["from"] !== "external") return undefined;
  const changed = fieldsOf(chain, at, { from: "somebody" });
  return { name: "sender of a message", at: at.was, expected: null, chain: changed };
};

const seed: Changer = (chain, turns, at) => {
  if (at.type !== "message.received") return undefined;
  const run = turns.runOf(at.was);
  const isRandom = (event: CopiedEvent): boolean =>
    event.about.includes("/random#") &&
    isObject(event.fields["result"]) &&
    // A range of one number leaves no choice.
    "ok" in event.fields["result"] &&
    event.fields["result"]["ok"] !== 3;
  const expected = run?.calls.find(isRandom)?.was ?? null;
  const changed = fieldsOf(chain, at, { seed: new Uint8Array(32).fill(9) });
  return { name: "seed of a message", at: at.was, expected, chain: changed };
};

const turnNumber: Changer = (chain, _, at) => {
  if (at.turn === 0) return undefined;
  const changed = chain.changed(at.was, ({ turn }) => ({ turn: turn + 1 }));
  return { name: `turn of a ${at.type}`, at: at.was, expected: at.was, chain: changed };
};

const outOfTurn: Changer = (chain, _, at) => {
  if (at.turn === 0) return undefined;
  const changed = chain.changed(at.was, () => ({ turn: 0 }));
  return { name: `a ${at.type} outside turns`, at: at.was, expected: at.was, chain: changed };
};

const time: Changer = (chain, _, at) => {
  const before = chain.events[at.was - 1];
  if (before === undefined) return undefined;
  const changed = chain.changed(at.was, () => ({ time: before.time - 1 }));
  return { name: `time of a ${at.type}`, at: at.was, expected: at.was, chain: changed };
};

const settled: Changer = (chain, turns, at) => {
  if (at.type !== "request.settled" || at.fields["turn"] === 0) return undefined;
  const changed = fieldsOf(
    chain,
    at,
    turns.choose(2) === 0 ? { reply: [new Uint8Array(3)] } : { turn: 0 },
  );
  return { name: "a settled request", at: at.was, expected: at.was, chain: changed };
};

const dropped: Changer = (chain, turns, at) => {
  const expected = turns.withoutEvent(at);
  if (expected === undefined || at.was === 0) return undefined;
  const events = chain.events.filter((event) => event !== at);
  return {
    name: `a ${at.type} less`,
    at: at.was,
    expected,
    chain: new ChainCopy(chain.actor, events),
  };
};

const doubled: Changer = (chain, turns, at) => {
  const expected = turns.withTwice(at);
  if (expected === undefined || at.was === 0) return undefined;
  const events = chain.events.flatMap((event) =>
    event === at ? [event, { ...event, was: -1 }] : [event],
  );
  return {
    name: `a ${at.type} twice`,
    at: at.was + 1,
    expected,
    chain: new ChainCopy(chain.actor, events),
  };
};

const swapped: Changer = (chain, turns, at) => {
  const next = chain.events[at.was + 1];
  if (next === undefined || at.turn === 0 || at.turn !== next.turn) return undefined;
  if (turns.isSameCall(at, next) || at.type === "message.received") return undefined;
  // An intent and its outcome, or the outcome and what comes next.
  const isPair = at.type === "host.intended" || next.type === "host.intended";
  if (isPair || at.type === "host.returned" || ENDS.has(next.type)) return undefined;
  const events = chain.events.with(at.was, next).with(next.was, at);
  return {
    name: `a ${at.type} after the next`,
    at: at.was,
    expected: at.was,
    chain: new ChainCopy(chain.actor, events),
  };
};

const CHANGERS: readonly Changer[] = [
  result,
  args,
  about,
  key,
  end,
  message,
  sender,
  seed,
  turnNumber,
  outOfTurn,
  time,
  settled,
  dropped,
  doubled,
  swapped,
];

/** A guest that later looks at its own chain sees the change. */
function seenIn(chain: ChainCopy, turns: ProgrammedTurns, mutation: Mutation): Mutation {
  const { at, expected, chain: changed } = mutation;
  const shown = turns.shown(at);
  if (shown === null) return mutation;
  const seen = shown + changed.events.length - chain.events.length;
  return { ...mutation, expected: Math.min(expected ?? seen, seen) };
}

/** For every changer some of the events that it can change. `choose(n)`: a number below n. */
export function mutationsOf(
  chain: ChainCopy,
  choose: (below: number) => number,
  each: number,
): Mutation[] {
  const turns = new ProgrammedTurns(chain, choose);
  return CHANGERS.flatMap((change) => {
    const all = chain.events.flatMap((event) => {
      const mutation = change(chain, turns, event);
      return mutation === undefined ? [] : [seenIn(chain, turns, mutation)];
    });
    return Array.from({ length: Math.min(each, all.length) }, () =>
      all.splice(choose(all.length), 1),
    ).flat();
  });
}
