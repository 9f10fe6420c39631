// The server's Worker with faults around its bindings, its alarms and its clock. The drill says which, and how
// often: `POST /drill/plan` sets a plan, `GET` tells how often each has struck, `POST /drill/crash` ends objects
// in the middle of what they do.
//
// Worker and objects share one isolate in local workerd, so what is set here reaches both.

import { clearFaults, faults, settings, withFaults } from "../../test/runtime/faults.ts";
import type { Environment } from "../../src/runtime/environment.ts";
import worker, { Actor as RealActor } from "../../src/worker.ts";

/** Of a hundred calls: so many never arrive, so many are made and their answer is lost, so many are late. */
export interface Shares {
  lost?: number;
  unanswered?: number;
  late?: number;
  /** So many are made twice. */
  twice?: number;
}

/** Of what can fail: D1, R2, a guest's isolate, calls from object to object, alarms. */
export type Target = "ledger" | "content" | "guest" | "peer" | "alarm";

export interface Plan {
  seed: number;
  shares: Partial<Record<Target, Shares>>;
  /** A late one waits so long at most. */
  lateMs: number;
  /** How far the Worker's clock is ahead of the machine's. */
  clockMs: number;
}

/** So few behind the newest that chains are sealed while the drill runs. */
settings.SEAL_EVENTS = "40";

const struck: Record<string, number> = {};
let plan: Plan = { seed: 0, shares: {}, lateMs: 0, clockMs: 0 };
let drawn = 0;

/** From 0 to below 100; the same row of them for the same seed (xorshift's mixing of a counter). */
function draw(): number {
  let x = (plan.seed + ++drawn * 0x9e3779b9) | 0;
  for (const shift of [16, 15]) x = Math.imul(x ^ (x >>> shift), 0x45d9f3b);
  return ((x ^ (x >>> 16)) >>> 0) % 100;
}

async function strike<T>(target: Target, go: () => T | Promise<T>): Promise<T> {
  const { lost = 0, unanswered = 0, late = 0, twice = 0 } = plan.shares[target] ?? {};
  let share = draw();
  const hits = (size: number, name: string): boolean => {
    if ((share -= size) >= 0 || share < -size) return false;
    struck[`${target} ${name}`] = (struck[`${target} ${name}`] ?? 0) + 1;
    return true;
  };
  if (hits(lost, "lost")) throw new Error("the drill lost this call");
  if (hits(unanswered, "unanswered")) {
    await go();
    throw new Error("the drill lost the answer to this call");
  }
  if (hits(late, "late")) await pause((draw() * plan.lateMs) / 100);
  else if (hits(twice, "twice")) await go();
  return await go();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const machineNow = Date.now.bind(Date);
Date.now = () => machineNow() + plan.clockMs;

function setPlan(next: Plan): void {
  plan = next;
  drawn = 0;
  clearFaults();
  for (const target of ["ledger", "content", "guest", "peer"] as const) {
    if (next.shares[target] !== undefined) faults[target] = (_, go) => strike(target, go);
  }
}

export class Actor extends RealActor {
  constructor(state: DurableObjectState, environment: Environment) {
    const { storage } = state;
    const setAlarm = storage.setAlarm.bind(storage);
    const getAlarm = storage.getAlarm.bind(storage);
    // The platform's alarms go by the clock that the object sees.
    storage.setAlarm = (time, options) => setAlarm(Number(time) - plan.clockMs, options);
    storage.getAlarm = async (options) => {
      const ms = await getAlarm(options);
      return ms === null ? null : ms + plan.clockMs;
    };
    super(state, withFaults(environment));
  }

  override async alarm(): Promise<void> {
    await strike("alarm", () => super.alarm()).catch(() => this.ctx.storage.setAlarm(Date.now()));
  }

  /** Dies at once. What it has asked of D1, R2 and others goes on beside the next life. */
  crash(): void {
    this.ctx.abort("the drill ended this object");
  }
}

async function control(request: Request, { ACTOR }: Environment): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "GET") return Response.json(struck);
  if (pathname === "/drill/plan") {
    setPlan(await request.json());
  } else {
    for (const id of await request.json<string[]>()) {
      const stub = ACTOR.get(ACTOR.idFromName(id)) as unknown as DurableObjectStub<Actor>;
      await stub.crash().catch(() => undefined);
    }
  }
  return new Response(null, { status: 204 });
}

// oxlint-disable-next-line import/no-default-export -- what a Worker is
export default {
  async fetch(request, environment, ctx): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/drill/")) return await control(request, environment);
    return await worker.fetch(request, withFaults(environment), ctx);
  },
  scheduled: (controller, environment) => worker.scheduled(controller, environment),
} satisfies ExportedHandler<Environment>;
