// A run of the rows of imported functions: few turns with many calls, and what was seen of each row.

import type { ImportRow, RowCall } from "./import-row.ts";
import { gave } from "../runtime/tools.ts";
import { gaveOnStream, STREAM } from "./stream-rows.ts";
import { turn, type Call, type Observed, type Scene } from "./scene.ts";

const PARTS = ["works", "denied", "bad"] as const;
type Part = (typeof PARTS)[number];
type Rows = readonly (readonly [about: string, row: ImportRow])[];

export class Run {
  readonly #seen = new Map<string, Observed[]>();

  /** All calls of these rows, in one turn for each part and one last. */
  async play(scene: Scene, rows: Rows): Promise<void> {
    const others = rows.filter(([, { isLast = false }]) => !isLast);
    const streamed = others.filter(([about]) => about.startsWith(STREAM));
    const plain = others.filter((row) => !streamed.includes(row));
    for (const part of PARTS) {
      await this.#turn(part, scene, plain);
      await this.#turn(part, scene, streamed);
    }
    await this.#turn(
      "works",
      scene,
      rows.filter((row) => !others.includes(row)),
    );
  }

  /** The calls of a row, with those that look at what the others did; of all parts, or of one. */
  seen(about: string, part?: Part): readonly Observed[] {
    const parts = part === undefined ? PARTS : [part];
    return parts.flatMap((each) => this.#seen.get(`${about} ${each}`) ?? []);
  }

  async #turn(part: Part, scene: Scene, rows: Rows): Promise<void> {
    const planned = rows.flatMap(([row, calls]) =>
      callsOf(part, calls, scene).map(([args, gives, about = row]) => {
        const call: Call = { about, args, gives };
        return { row, call };
      }),
    );
    const actor = part === "denied" ? scene.narrow : scene.actor;
    const isStream = planned.some(({ row }) => row.startsWith(STREAM));
    const observed = await turn(
      actor,
      planned.map(({ call }) => call),
      isStream ? gaveOnStream : gave,
    );
    for (const [at, { row }] of planned.entries()) {
      const key = `${row} ${part}`;
      this.#seen.set(key, [...(this.#seen.get(key) ?? []), ...observed.slice(at, at + 1)]);
    }
  }
}

function callsOf(part: Part, { works, denied, bad }: ImportRow, scene: Scene): readonly RowCall[] {
  if (part === "works") return works(scene);
  if (part === "denied") return denied?.(scene) ?? [];
  return typeof bad === "string" ? [] : bad(scene);
}
