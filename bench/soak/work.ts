// The mixed work of the soak, drawn from a seed: what is asked, of whom, and what must have come of it at the end.

import { setTimeout as sleep } from "node:timers/promises";
import { verifyCar } from "../../src/chain/verify-car.ts";
import type { Bench } from "../server.ts";
import { Choices } from "../drill/random.ts";

/** What is done, and how often in a hundred. The rest are plain counts. */
const SHARES = { tell: 15, ask: 10, timer: 5, spawn: 1, reap: 1, http: 15, chain: 8 } as const;

export type Kind = keyof typeof SHARES | "count" | "verify" | "export" | "evict";

export interface Done {
  kind: Kind;
  ms: number;
}

export class Work {
  readonly #bench: Bench;
  readonly #choices: Choices;
  #chosen = 0;
  readonly #actors: readonly string[];
  readonly #childManifest: string;
  /** What each actor must stand at. */
  readonly #expected: Map<string, number>;
  readonly problems: string[] = [];

  constructor(
    bench: Bench,
    { actors, child, seed }: { actors: readonly string[]; child: string; seed: string },
  ) {
    this.#bench = bench;
    this.#choices = new Choices(seed);
    this.#actors = actors;
    this.#childManifest = child;
    this.#expected = new Map(actors.map((id) => [id, 0]));
  }

  /** One operation, and how long it took. */
  async step(): Promise<Done> {
    const kind = this.#draw();
    const id = this.#pick(this.#actors);
    const begun = performance.now();
    if (kind === "http") await this.#get(`/v1/actors/${id}/http/`);
    else if (kind === "chain") await this.#get(`/v1/actors/${id}/chain?limit=20`);
    else await this.#ask(id, kind);
    return { kind, ms: performance.now() - begun };
  }

  /** What is done now and then beside the steps: an audit of an actor, and some taken out of memory. */
  async audit(): Promise<Done[]> {
    const id = this.#pick(this.#actors);
    const done: Done[] = [];
    const timed = async (kind: Kind, run: () => Promise<void>): Promise<void> => {
      const begun = performance.now();
      await run().catch((thrown: unknown) => this.#problem(kind, thrown));
      done.push({ kind, ms: performance.now() - begun });
    };
    await timed("verify", async () => {
      const path = `/v1/actors/${id}/chain/verify`;
      const { verdict } = await this.#bench.json<{ verdict: string }>("POST", path);
      if (verdict !== "verified") throw new Error(verdict);
    });
    await timed("export", () => this.#export(id));
    await timed("evict", async () => {
      await this.#bench.server.evict(this.#pick(this.#actors));
    });
    return done;
  }

  /** Whatever was acknowledged is counted, once. Waits for what is still under way. */
  async settle(): Promise<void> {
    for (const [id, expected] of this.#expected) {
      const count = await this.#counted(id, expected);
      if (count !== expected) this.problems.push(`${id} counted ${count} of ${expected}`);
    }
  }

  #draw(): Kind {
    let left = this.#below(100);
    for (const [kind, share] of Object.entries(SHARES)) {
      left -= share;
      if (left < 0) return kind as Kind;
    }
    return "count";
  }

  async #ask(id: string, kind: Kind): Promise<void> {
    // One that asks itself would wait for itself.
    const others = this.#actors.filter((other) => other > id);
    const to = others.length === 0 ? undefined : this.#pick(others);
    const act = to === undefined && (kind === "ask" || kind === "tell") ? "count" : kind;
    const body = JSON.stringify({ act, to, manifest: this.#childManifest });
    const { status, body: text } = await this.#bench.call("POST", `/v1/actors/${id}/request`, body);
    if (status !== 200) return this.#problem(kind, `${status} ${text.toString().slice(0, 200)}`);
    this.#count(id);
    if (to !== undefined && (act === "ask" || act === "tell")) this.#count(to);
  }

  #below(bound: number): number {
    return this.#choices.below(bound, String(this.#chosen++));
  }

  #pick(ids: readonly string[]): string {
    const id = ids[this.#below(ids.length)];
    if (id === undefined) throw new Error("there is nobody to ask");
    return id;
  }

  #count(id: string): void {
    this.#expected.set(id, (this.#expected.get(id) ?? 0) + 1);
  }

  async #get(path: string): Promise<void> {
    const { status, body } = await this.#bench.call("GET", path);
    if (status !== 200) this.#problem(path, `${status} ${body.toString().slice(0, 200)}`);
  }

  async #export(id: string): Promise<void> {
    const headers = {
      authorization: `Bearer ${this.#bench.server.token}`,
      accept: "application/vnd.ipld.car",
    };
    const url = `${this.#bench.server.url}/v1/actors/${id}/chain`;
    const { body } = await fetch(url, { headers });
    if (body === null) throw new Error("the export is empty");
    const report = await verifyCar(body, { actor: id });
    if (report.verdict !== "verified") throw new Error(JSON.stringify(report.firstBad));
  }

  async #counted(id: string, expected: number): Promise<number> {
    for (let tries = 0; ; tries++) {
      const { count } = await this.#bench.json<{ count: number }>("GET", `/v1/actors/${id}/http/`);
      if (count >= expected || tries === 100) return count;
      await sleep(100);
    }
  }

  #problem(kind: string, why: unknown): void {
    this.problems.push(`${kind}: ${why instanceof Error ? why.message : String(why)}`);
  }
}
