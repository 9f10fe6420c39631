// The faults of the drill: each strikes once a round, while the tree is at work, and is over when the round's
// load is. What may follow from one, besides that nothing is lost, doubled or told differently, it says itself.

import { open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { pause, type Operations } from "./operations.ts";
import type { Plan, Shares, Target } from "./faulty-worker.ts";
import type { Choices } from "./random.ts";
import type { Server } from "./server.ts";

interface Scene {
  server: Server;
  operations: Operations;
  /** The workers' ids. */
  workers: readonly string[];
  choices: Choices;
  /** Names the round, for choices. */
  name: string;
}

export interface Fault {
  name: string;
  /** What happens, for the table. */
  what: string;
  /** Strikes, some time after the load began; how often it has struck. */
  strike(scene: Scene): Promise<number>;
  /** After the load: the server is up and nothing fails any more. */
  recover?(scene: Scene): Promise<void>;
  /** Why it cannot strike here. */
  isMissing?(folder: string): Promise<string | undefined>;
}

/** The load lasts as long as chance has it, but no longer. */
const LOAD_MS_MAX = 1_500;
const LATE_MS_MAX = 800;
const NOTHING: Plan = { seed: 0, shares: {}, lateMs: 0, clockMs: 0 };

function someMs({ choices, name }: Scene, what = "load"): number {
  return choices.below(LOAD_MS_MAX, `${name}/${what}`);
}

async function counted({ server }: Scene): Promise<number> {
  return Object.values(await server.struck()).reduce((sum, each) => sum + each, 0);
}

/** One whose calls fail by shares for as long as the load goes on. */
function failing(name: string, what: string, target: Target, shares: Shares): Fault {
  return {
    name,
    what,
    async strike(scene) {
      const before = await counted(scene);
      const seed = scene.choices.below(2 ** 31, `${scene.name}/plan`);
      const planned = { ...NOTHING, seed, shares: { [target]: shares }, lateMs: LATE_MS_MAX };
      await scene.server.plan(planned);
      await pause(2 * LOAD_MS_MAX + someMs(scene));
      return (await counted(scene)) - before;
    },
    async recover({ server }) {
      await server.plan(NOTHING);
    },
  };
}

const kill: Fault = {
  name: "kill",
  what: "SIGKILL of node and workerd",
  async strike(scene) {
    await pause(someMs(scene));
    await scene.server.kill();
    return 1;
  },
  recover: async ({ server }) => await server.start(),
};

const killTwice: Fault = {
  name: "kill twice",
  what: "SIGKILL, and again while it recovers",
  async strike(scene) {
    const { server } = scene;
    await pause(someMs(scene));
    await server.kill();
    await server.start();
    await pause(someMs(scene, "second"));
    await server.kill();
    return 2;
  },
  recover: async ({ server }) => await server.start(),
};

const orphan: Fault = {
  name: "orphan",
  what: "SIGKILL of node; workerd goes on until the next start",
  async strike(scene) {
    await pause(someMs(scene));
    await scene.server.killNode();
    await pause(someMs(scene, "alone"));
    scene.server.leave();
    return 1;
  },
  recover: async ({ server }) => await server.start(),
};

/** Objects die one by one while D1 is late: what the last life asked of it arrives beside the next life's. */
const incarnations: Fault = {
  name: "two lives",
  what: "an object ends at work, and what it asked of a late D1 goes on beside its next life",
  async strike(scene) {
    const { server, workers, choices, name } = scene;
    const shares = { ledger: { late: 60 } };
    const seed = choices.below(2 ** 31, `${name}/plan`);
    await server.plan({ ...NOTHING, seed, shares, lateMs: LATE_MS_MAX });
    const times = 4 + choices.below(8, `${name}/times`);
    for (let n = 0; n < times; n++) {
      await pause(choices.below(LOAD_MS_MAX / 4, `${name}/${n}/when`));
      const first = choices.below(workers.length, `${name}/${n}/which`);
      await server.crash(workers.slice(first, first + 3));
    }
    return times;
  },
  async recover({ server }) {
    await server.plan(NOTHING);
  },
};

const BURST = 1_400;

const mailbox: Fault = {
  name: "mailbox",
  what: `${BURST} sends at once to one actor whose turns are slow; its mailbox takes 1,000`,
  async strike(scene) {
    const { server, operations, name } = scene;
    await server.plan({ ...NOTHING, shares: { guest: { late: 100 } }, lateMs: LATE_MS_MAX });
    const before = operations.refusals;
    const burst = operations.burst(server, BURST, `${name}/burst`);
    await Promise.race([burst, pause(5 * LOAD_MS_MAX)]);
    await server.plan(NOTHING);
    await burst;
    return operations.refusals - before;
  },
};

/** Less than a day in all: so long a key is remembered under which the drill asks again. */
const JUMPS_MS = [3_600_000, -3_600_000, 36_000_000, -36_000_000, 45_000, -45_000];

const clock: Fault = {
  name: "clock",
  what: "the clock jumps by an hour, ten hours, 45 s, and back",
  async strike(scene) {
    const { server } = scene;
    let clockMs = 0;
    for (const jump of JUMPS_MS) {
      clockMs += jump;
      await server.plan({ ...NOTHING, clockMs });
      await pause(LOAD_MS_MAX / 4);
    }
    return JUMPS_MS.length;
  },
};

/** A file system as large is the machine's own, and not to be filled. */
const OWN_BYTES_MAX = 2 ** 31;
const CHUNK = 1024 * 1024;

const disk: Fault = {
  name: "disk full",
  what: "nothing can be written for a while; then the server starts anew",
  async isMissing(folder) {
    const { blocks, bsize } = await statfs(folder);
    if (blocks * bsize <= OWN_BYTES_MAX) return undefined;
    return "a small file system of its own could not be mounted: it needs root";
  },
  async strike(scene) {
    const { server } = scene;
    await pause(someMs(scene));
    const file = join(server.folder, "filler");
    await fill(file);
    await pause(LOAD_MS_MAX);
    await server.kill();
    await rm(file);
    return 1;
  },
  recover: async ({ server }) => await server.start(),
};

async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (let size = CHUNK; size > 0;) {
      try {
        await file.write(Buffer.alloc(size));
      } catch {
        size = Math.floor(size / 2);
      }
    }
  } finally {
    await file.close();
  }
}

export const FAULTS: readonly Fault[] = [
  kill,
  killTwice,
  orphan,
  failing("D1 fails", "most calls to D1 never arrive", "ledger", { lost: 60 }),
  failing("D1 unanswered", "most calls to D1 are made, and their answer is lost", "ledger", {
    unanswered: 60,
  }),
  failing("D1 slow", "half of the calls to D1 are late", "ledger", { late: 50 }),
  failing(
    "R2 fails",
    "calls to R2 never arrive, or their answer is lost, or they are late",
    "content",
    {
      lost: 20,
      unanswered: 20,
      late: 20,
    },
  ),
  failing("Loader fails", "turns never reach their isolate, or what it answers is lost", "guest", {
    lost: 5,
    unanswered: 5,
    late: 10,
  }),
  failing(
    "peers",
    "calls from actor to actor are lost, made twice, late, or not answered",
    "peer",
    {
      lost: 10,
      unanswered: 10,
      late: 10,
      twice: 10,
    },
  ),
  failing("alarms", "alarms come late, twice, or not when they should", "alarm", {
    lost: 15,
    unanswered: 15,
    late: 30,
    twice: 30,
  }),
  incarnations,
  mailbox,
  clock,
  disk,
];
