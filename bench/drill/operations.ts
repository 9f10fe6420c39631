// What the drill asks of the tree, and what it was told. Each operation has a number and an idempotency
// key: where no answer came it is asked again under the same key, after the restart, until there is one.

import type { Choices } from "./random.ts";
import type { Answer, Server } from "./server.ts";

type Act = "count" | "forward" | "ask" | "trap" | "leave";

export interface Operation {
  n: number;
  target: string;
  by: "send" | "request";
  act: Act;
  /** For `forward` and `ask`. */
  to: string | null;
  as: number;
  /** Whether it is known what became of it, and as which event. */
  status: "open" | "done" | "refused" | "trapped" | "cut";
  event: string | null;
  /** What the last try came to, for a report. */
  told: string;
}

/** Of the workers: the one that is asked, and the one that it hands on to. */
interface Places {
  place: number;
  other: number;
}

/** Out of a hundred operations. */
const SHARES: readonly (readonly [Act, number])[] = [
  ["trap", 5],
  ["leave", 3],
  ["ask", 12],
  ["forward", 25],
];
const STEP = 10;
const AGAIN_MS = 100;
/** Operations under way at the same time. */
const WIDTH = 12;

export class Operations {
  readonly all: Operation[] = [];
  /** How often something was surely not admitted: 429 and 503. */
  refusals = 0;
  readonly #open: Operation[] = [];
  readonly #choices: Choices;
  readonly #workers: readonly string[];
  #underWay = 0;

  constructor(choices: Choices, workers: readonly string[]) {
    this.#choices = choices;
    this.#workers = workers;
  }

  /** Asks until it is over or the server is gone. */
  async load(server: Server, isOver: () => boolean): Promise<void> {
    await this.#work(server, () => (isOver() ? null : (this.#open.shift() ?? this.#make())));
  }

  /** So many sends to one worker at the same time, however many it takes. */
  async burst(server: Server, size: number, name: string): Promise<void> {
    const place = this.#choices.below(this.#workers.length, name);
    const made = Array.from({ length: size }, () =>
      this.#keep({ act: "count", by: "send", place, other: place }),
    );
    await Promise.all(made.map((operation) => this.#ask(server, operation)));
  }

  /** Asks again what was not answered, until all is or the time is up; how much was not. */
  async settle(server: Server, untilMs: number): Promise<number> {
    const isOver = (): boolean => Date.now() > untilMs;
    await this.#work(server, () => (isOver() ? null : this.#open.shift()));
    return this.#open.length;
  }

  /** `next` gives null when nothing more is to be asked, and undefined while there is nothing to ask. */
  async #work(server: Server, next: () => Operation | undefined | null): Promise<void> {
    const loop = async (): Promise<void> => {
      for (;;) {
        if (!server.isUp) return;
        const operation = next();
        if (operation === null) return;
        if (operation === undefined && this.#underWay === 0) return;
        if (operation === undefined) await pause(AGAIN_MS);
        else await this.#ask(server, operation);
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, loop));
  }

  async #ask(server: Server, operation: Operation): Promise<void> {
    this.#underWay++;
    const { n, act, to, as, target, by } = operation;
    const body = JSON.stringify({ n, act, ...(to !== null && { to, as }) });
    const headers = { "idempotency-key": `drill-${n}` };
    const answer = await server.call("POST", `/v1/actors/${target}/${by}`, { body, headers });
    const status = statusOf(answer);
    if (answer?.status === 429 || answer?.status === 503) this.refusals++;
    operation.told = answer === undefined ? "no answer" : `${answer.status} ${answer.text}`;
    if (status === "open") {
      this.#open.push(operation);
      if (server.isUp) await pause(AGAIN_MS);
    } else {
      operation.status = status;
      operation.event = answer?.event ?? null;
    }
    this.#underWay--;
  }

  #make(): Operation {
    const index = this.all.length;
    const pick = (bound: number, what: string): number =>
      this.#choices.below(bound, `operation/${index}/${what}`);
    let share = pick(100, "act");
    const [act] = SHARES.find(([, size]) => (share -= size) < 0) ?? ["count" as const];
    // Asks go one way only, so that no two of them wait for each other.
    const place =
      act === "ask"
        ? 1 + pick(this.#workers.length - 1, "target")
        : pick(this.#workers.length, "target");
    const other = pick(act === "ask" ? place : this.#workers.length, "to");
    const by = pick(3, "by") === 0 ? "send" : "request";
    return this.#keep({ act, by, place, other });
  }

  #keep({ act, by, place, other }: Pick<Operation, "act" | "by"> & Places): Operation {
    const index = this.all.length;
    const operation: Operation = {
      n: index * STEP,
      target: this.#workers[place] ?? "",
      by,
      act,
      to: act === "ask" || act === "forward" ? (this.#workers[other] ?? "") : null,
      as: index * STEP + 1,
      status: "open",
      event: null,
      told: "nothing",
    };
    this.all.push(operation);
    return operation;
  }
}

/** Open where it has to be asked again: nobody knows, or it was surely not admitted. */
function statusOf(answer: Answer | undefined): Operation["status"] {
  if (answer === undefined) return "open";
  const { status, text, event } = answer;
  if (status === 200 || status === 202) return "done";
  if (event === null) {
    if (status === 409 || status === 429 || status >= 500) return "open";
    throw new Error(`an operation was answered ${status}: ${text}`);
  }
  if (status === 422) return "refused";
  if (status === 500) return "trapped";
  if (status === 504) return "cut";
  return "open";
}

export function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  return promise;
}
