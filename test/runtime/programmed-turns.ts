// What is known of the turns of a program without running it: which call came from which step, and where the guest
// would first show that a call gave something else, that one is missing, or that one came twice.

import type { Value } from "../../src/chain/value.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { isSame } from "../../src/replay/transcript.ts";
import type { ChainCopy, CopiedEvent } from "./chain-copy.ts";
import { registry } from "./worker.ts";

interface Run {
  message: CopiedEvent;
  /** `host.called` and `host.intended`, in order. */
  calls: readonly CopiedEvent[];
  /** All events of the turn but message and end. */
  own: readonly CopiedEvent[];
  end: CopiedEvent;
  isCut: boolean;
}

type Step = readonly [name: string, ...args: unknown[]];

const ENDS = /^turn\./;
const CUTS: readonly unknown[] = ["cut", "host", "lost"];
/** Steps that make one call. */
const CALLING: ReadonlySet<string> = new Set(["call", "as", "blind", "say", "log", "variant"]);
const SENDS = /#(send|send-on-channel|close-channel)$/;
/** What the chain has of a look at it. */
interface View {
  to?: Value;
}

const VIEW = "theater:simple/runtime#get-chain";

export class ProgrammedTurns {
  readonly #chain: ChainCopy;
  readonly choose: (below: number) => number;
  readonly #runs = new Map<number, Run>();
  readonly #byMessage = new Map<number, Run>();

  constructor(chain: ChainCopy, choose: (below: number) => number) {
    this.#chain = chain;
    this.choose = choose;
    for (const end of chain.events.filter(({ type }) => ENDS.test(type))) {
      const ofTurn = chain.events.filter(({ turn }) => turn === end.turn);
      const own = ofTurn.filter((event) => event.type.startsWith("host."));
      const run = {
        message: chain.at(Number(end.fields["message"])),
        own,
        calls: own.filter(({ type }) => type !== "host.returned"),
        end,
        isCut: end.type === "turn.failed" && CUTS.includes(end.fields["kind"]),
      };
      this.#runs.set(end.turn, run);
      this.#byMessage.set(run.message.was, run);
    }
  }

  isPure(about: string): boolean {
    return registry.isPure(about);
  }

  /** The turn of a message. */
  runOf(message: number): Run | undefined {
    return this.#byMessage.get(message);
  }

  /** Whether the effect has no recorded outcome. */
  isUnheard(at: CopiedEvent): boolean {
    const run = this.#runs.get(at.turn);
    return run === undefined || run.own.at(-1) === at;
  }

  isSameCall(a: CopiedEvent, b: CopiedEvent | undefined): boolean {
    const [one, other] = [a.fields["args"], b?.fields["args"]];
    if (one === undefined || other === undefined) return false;
    return a.about === b?.about && isSame(one, other);
  }

  /** The message's parameters with a step before all others; undefined for one that holds no program. */
  withStep({ fields }: CopiedEvent, step: Step): Value | undefined {
    const params = fields["params"] as readonly Value[];
    const program = programOf(params);
    if (program === undefined) return undefined;
    return [...params.slice(0, -1), fromUtf8(JSON.stringify([step, ...program]))];
  }

  /** Where the guest shows that the call at `at` gave something else than `was`. */
  dependent(at: CopiedEvent, was: Value): number | null {
    const run = this.#runs.get(at.turn);
    if (run === undefined) return null;
    const intent = at.type === "host.returned" ? Number(at.fields["intent"]) : at.was;
    const place = run.calls.findIndex(({ was: seq }) => seq === intent);
    const step = this.#stepOf(run, place);
    const { end } = run;
    const isSent = SENDS.test(at.about) && "ok" in Object(was) && end.type === "turn.committed";
    const blind = isSent ? end.was : null;
    if (step?.[0] === "blind") return blind;
    const kept = step?.[0] === "as" ? (was as { ok?: Value }).ok : undefined;
    for (const later of run.calls.slice(place + 1)) {
      const [line] = later.fields["args"] as Value[];
      const isSaid = typeof line === "string" && line.startsWith("so far ");
      if (later.about.endsWith("#log") && isSaid) return later.was;
      const isNamed = typeof kept === "string" && mentions(later.fields["args"] as Value, kept);
      if (isNamed) return later.was;
    }
    return end.type === "turn.failed" ? null : end.was;
  }

  /** As `dependent`, for what the guest shows of a chain that is another from `from` on. Null: never. */
  shown(from: number): number | null {
    const views = this.#chain.events.filter(
      ({ about, type, fields }) =>
        about === VIEW && type === "host.called" && Number((fields["result"] as View).to) >= from,
    );
    const places = views.flatMap(
      (view) => this.dependent(view, view.fields["result"] ?? null) ?? [],
    );
    return places.length === 0 ? null : Math.min(...places);
  }

  /** Where it shows that an event is missing, as the shorter chain counts; undefined: not said here. */
  withoutEvent(at: CopiedEvent): number | null | undefined {
    const { type, turn } = at;
    const events = this.#chain.events;
    const found = (event: CopiedEvent | undefined): number | null =>
      event === undefined ? null : event.was - 1;
    if (type === "message.received" && turn === 0) {
      const next = events[at.was + 1];
      if (next?.type === "message.received") return undefined;
      return found(this.#byMessage.get(at.was)?.end);
    }
    if (type === "request.settled" && at.fields["turn"] !== 0) return found(events[at.was + 1]);
    if (turn === 0) return type === "payload.erased" ? undefined : null;
    const run = this.#runs.get(turn);
    if (run === undefined) return undefined;
    if (type === "message.received") return found(run.end);
    if (ENDS.test(type)) {
      const isNext = (event: CopiedEvent): boolean =>
        event.was > at.was &&
        (event.turn !== 0 || (event.type === "request.settled" && event.fields["turn"] !== 0));
      return found(events.find(isNext));
    }
    const next = run.own[run.own.indexOf(at) + 1];
    if (next === undefined) return run.isCut ? null : found(run.end);
    if (type === "host.intended" || type === "host.returned") return found(next);
    return this.isSameCall(at, next) ? undefined : found(next);
  }

  /** Where it shows that an event stands there twice, as the longer chain counts; undefined: not said here. */
  withTwice(at: CopiedEvent): number | null | undefined {
    const { type, turn } = at;
    if (type === "request.settled" && at.fields["turn"] !== 0) return at.was + 1;
    if (type === "message.received" && turn === 0) {
      if (at.about === "lifecycle") return null;
      const overtaking = [...this.#runs.values()].find(
        ({ message }) =>
          message.turn === 0 && message.was > at.was && message.about !== "lifecycle",
      );
      return overtaking === undefined ? null : overtaking.end.was + 1;
    }
    if (turn === 0) return null;
    if (type !== "host.called") return at.was + 1;
    const run = this.#runs.get(turn);
    const next = run?.own[run.own.indexOf(at) + 1];
    if (run === undefined || (next === undefined && run.isCut)) return undefined;
    return this.isSameCall(at, next) ? undefined : at.was + 1;
  }

  #stepOf({ message, calls }: Run, place: number): Step | undefined {
    const program = programOf(message.fields["params"] as readonly Value[]) ?? [];
    const calling = program.filter((step) => Array.isArray(step) && CALLING.has(step[0]));
    const step = calling[place];
    const named = ["call", "blind"].includes(String(step?.[0])) ? step?.[1] : step?.[2];
    const isOwn = step?.[0] === "say" || step?.[0] === "log" || step?.[0] === "variant";
    const { about = "" } = calls[place] ?? {};
    if (step !== undefined && about !== (isOwn ? "theater:simple/runtime#log" : named)) {
      throw new Error(`call ${place} is ${about} and not ${JSON.stringify(step)}`);
    }
    return step;
  }
}

function programOf(params: readonly Value[]): Step[] | undefined {
  const body = params.at(-1);
  if (!(body instanceof Uint8Array)) return undefined;
  try {
    const program: unknown = JSON.parse(toUtf8(body));
    return Array.isArray(program) ? (program as Step[]) : undefined;
  } catch {
    return undefined;
  }
}

function mentions(value: Value, text: string): boolean {
  if (typeof value === "string") return value.includes(text);
  if (value instanceof Uint8Array) return String.fromCharCode(...value).includes(text);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((each) => mentions(each as Value, text));
}
