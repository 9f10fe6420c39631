// What every test here stands on: the runtime as the Worker holds it, the probe uploaded once per file,
// and an actor with the few questions that tests ask.

import { Buffer } from "node:buffer";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { decodeEvent, type Event } from "../../src/chain/event.ts";
import { decodePayload } from "../../src/chain/payload.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import type { Environment } from "../../src/runtime/environment.ts";
import { executorOf } from "../../src/runtime/executor-of.ts";
import type {
  ActorSummary,
  Answer,
  EventRef,
  LifecycleChange,
} from "../../src/runtime/protocol.ts";
import { Theater } from "../../src/runtime/theater.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { withFaults } from "./faults.ts";
import { bundle, registry, type Actor } from "./worker.ts";

export const bindings = env as unknown as Required<Pick<Environment, "LOADER">> &
  Environment & { PROBE: Fetcher };

const environment = withFaults(bindings);
const parts = {
  environment,
  content: new R2Store(environment.CONTENT),
  executor: executorOf(environment, registry, bundle),
  registry,
};
export const theater = new Theater(parts);
/** One whose calls rehearse one event, or one turn, each. */
export const patient = new Theater({ ...parts, rehearsalMs: 0 });

export type Program = readonly (readonly unknown[])[];

/** An event with its decoded payload. */
export interface Told extends Pick<Event, "seq" | "time" | "turn" | "type" | "about"> {
  cid: string;
  fields: Record<string, unknown>;
}

/** How a request ended, in one value that compares well. */
export interface Ended {
  /** What the program gave, or the refusal's code. */
  gave: unknown;
  message: string;
  event: EventRef | undefined;
}

let uploaded: Promise<string> | undefined;

async function uploadProbe(): Promise<string> {
  const response = await bindings.PROBE.fetch("http://probe/");
  const { component } = must(await theater.upload(await response.bytes()));
  return component;
}

/** The probe's digest; uploaded once per file. */
export async function probeComponent(): Promise<string> {
  return await (uploaded ??= uploadProbe());
}

/** The value of an answer that a test counts on. */
export function must<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw new Error(`${answer.error.code}: ${answer.error.message}`);
}

export interface StartOptions {
  limits?: Record<string, number>;
  /** Steps of the first turn. */
  init?: Program;
  key?: string;
  /** More of the manifest, or other than usual. */
  manifest?: Record<string, unknown>;
  /** More of the configuration of the usual handlers, by type. */
  handlers?: Record<string, object>;
  parent?: string;
  variables?: Record<string, unknown>;
}

export async function startAnswer(options: StartOptions = {}): ReturnType<typeof theater.start> {
  const component = await probeComponent();
  const types = ["runtime", "message-server", "store", "timing", "random", "timers"];
  return await theater.start({
    manifest: {
      name: "probe",
      version: "1",
      component,
      limits: options.limits ?? {},
      handler: types.map((type) => ({ type, ...options.handlers?.[type] })),
      ...options.manifest,
    },
    initState: options.init === undefined ? null : bodyOf({ init: options.init }),
    parent: options.parent ?? null,
    ...(options.variables === undefined ? {} : { variables: options.variables }),
    principal: "tester",
    ...(options.key === undefined
      ? {}
      : { idempotency: { principal: "tester", key: options.key } }),
  });
}

export async function start(options: StartOptions = {}): Promise<Probe> {
  return new Probe(must(await startAnswer(options)).id);
}

export const bodyOf = (program: unknown): Uint8Array => fromUtf8(JSON.stringify(program));

export class Probe {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  get stub(): DurableObjectStub<Actor> {
    const { ACTOR } = bindings;
    return ACTOR.get(ACTOR.idFromName(this.id)) as unknown as DurableObjectStub<Actor>;
  }

  #input(program: Program, key?: string) {
    const idempotency = key === undefined ? {} : { idempotency: { principal: "tester", key } };
    return { body: bodyOf(program), from: "external", ...idempotency };
  }

  /** Sends a request and waits. */
  async ask(program: Program, key?: string): Promise<Ended> {
    const answer = await theater.request(this.id, this.#input(program, key));
    if (!answer.ok) {
      const { code, message, event } = answer.error;
      return { gave: code, message, event };
    }
    const { reply, event } = answer.value;
    return { gave: reply === null ? null : JSON.parse(toUtf8(reply)), message: "", event };
  }

  /** Sends a message; the event that acknowledges it, or the refusal's code. */
  async tell(program: Program, key?: string): Promise<EventRef | string> {
    const answer = await theater.send(this.id, this.#input(program, key));
    return answer.ok ? answer.value.event : answer.error.code;
  }

  async change(change: LifecycleChange, key: string | null = null): Promise<string> {
    const answer = await theater.lifecycle(this.id, change, "tester", key);
    return answer.ok ? answer.value.status : answer.error.code;
  }

  async summary(): Promise<ActorSummary> {
    return must(await theater.inspect(this.id));
  }

  async state(): Promise<unknown> {
    const state = must(await theater.state(this.id));
    return state === null ? null : JSON.parse(toUtf8(state));
  }

  /** The journal from `from` on. */
  async events(from = 0): Promise<Told[]> {
    const told: Told[] = [];
    for (let next = from; ;) {
      const entries = must(await this.stub.journal(next, 1_000));
      if (entries.length === 0) return told;
      for (const { cid, block, payload } of entries) {
        const { seq, time, turn, type, about } = decodeEvent(block);
        const fields = payload === null ? {} : { ...decodePayload(type, payload) };
        told.push({ seq, time, turn, type, about, cid, fields });
        next = seq + 1;
      }
    }
  }

  /** The journal as short lines: type, about without its package, turn. */
  async lines(from = 0): Promise<string[]> {
    return (await this.events(from)).map(({ type, about, turn, fields }) => {
      const what = about.replace("theater:simple/", "");
      const how =
        type === "turn.failed" ? `${String(fields["kind"])}/${String(fields["code"])}` : "";
      return [type, what, how, turn].filter((part) => part !== "").join(" ");
    });
  }

  /** Asks the object itself, in its own context. */
  async inside<R>(work: (actor: Actor, state: DurableObjectState) => R | Promise<R>): Promise<R> {
    return await runInDurableObject(this.stub, work);
  }

  async sql(query: string): Promise<Record<string, SqlStorageValue>[]> {
    return await this.inside((_, { storage }) => storage.sql.exec(query).toArray());
  }

  async nextSeq(): Promise<number> {
    return (await this.summary()).head.seq + 1;
  }

  /** The object dies at once, with all that it was doing. */
  async crash(): Promise<void> {
    await this.stub.crash().catch(() => undefined);
  }

  /** The object ends after what it is doing; the next call begins another life. */
  async evict(): Promise<void> {
    await evictDurableObject(this.stub);
  }

  async alarm(): Promise<boolean> {
    return await runDurableObjectAlarm(this.stub);
  }

  /** Whether a turn has acted and not ended. */
  async hasOpenTurn(): Promise<boolean> {
    const [row] = await this.sql("SELECT value FROM cell WHERE name = 'openTurn'");
    return row !== undefined && row["value"] !== "null";
  }

  /** Waits until every send has had its turn. */
  async quiet(): Promise<void> {
    await until(async () => (await this.sql("SELECT 1 FROM mailbox")).length === 0);
  }
}

const UNTIL_MS = 20_000;

/** Waits for something that happens in the background, and fails where it does not. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + UNTIL_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`after ${UNTIL_MS} ms still not: ${String(holds)}`);
    await pause();
  }
}

/** A few milliseconds. */
async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 3));
}

/**
 * A place where a hook waits until a test opens it. Both sides look by timers of their own: a promise that
 * an object resolved would carry the test into the object's context, and a crash would take it along.
 */
export class Gate {
  #isOpen = false;
  #isReached = false;

  /** For the hook. */
  async wait(): Promise<void> {
    this.#isReached = true;
    while (!this.#isOpen) await pause();
  }

  /** Resolves when a hook has come here. */
  async reached(): Promise<void> {
    await until(() => this.#isReached);
  }

  open(): void {
    this.#isOpen = true;
  }
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
