// The server that the drill strikes: a process of its own, on the same folder and port in all its lives.

import { join } from "node:path";
import {
  killBoth,
  killNode,
  startedDev,
  TOKEN,
  type DevProcess,
} from "../../test/process/dev-process.ts";
import type { Plan } from "./faulty-worker.ts";

const FAULTY = join(import.meta.dirname, "faulty-dev.ts");

/** One answer may take so long; then nobody knows what became of the question. */
const ANSWER_MS_MAX = 30_000;

export interface Answer {
  status: number;
  text: string;
  /** `Theater-Event`, where there is one. */
  event: string | null;
}

export class Server {
  readonly #folder: string;
  #process: DevProcess | undefined;
  #url = "";
  #isUp = false;
  #aborts = new AbortController();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get url(): string {
    return this.#url;
  }

  get folder(): string {
    return this.#folder;
  }

  async start(): Promise<void> {
    const port = this.#url === "" ? 0 : Number(new URL(this.#url).port);
    this.#process = await startedDev(this.#folder, port, FAULTY);
    this.#url = this.#process.url;
    this.#aborts = new AbortController();
    this.#isUp = true;
  }

  /** SIGKILL, as a machine that loses power. */
  async kill(): Promise<void> {
    this.#isUp = false;
    if (this.#process !== undefined) await killBoth(this.#process);
    this.leave();
  }

  /** SIGKILL of node alone: workerd goes on, until the next start ends it. */
  async killNode(): Promise<void> {
    if (this.#process !== undefined) await killNode(this.#process);
  }

  /** No answer is awaited any more, and none is asked for. */
  leave(): void {
    this.#isUp = false;
    this.#aborts.abort();
    this.#process = undefined;
  }

  /** What fails from now on, and how often. */
  async plan(plan: Plan): Promise<void> {
    await this.must("POST", "/drill/plan", { body: JSON.stringify(plan) });
  }

  /** Ends these actors' objects in the middle of what they do. */
  async crash(actors: readonly string[]): Promise<void> {
    await this.must("POST", "/drill/crash", { body: JSON.stringify(actors) });
  }

  /** How often each fault has struck in this life of the server. */
  async struck(): Promise<Record<string, number>> {
    return JSON.parse(await this.must("GET", "/drill/struck")) as Record<string, number>;
  }

  /** Undefined where the connection broke: whatever was asked may have been done. */
  async call(
    method: string,
    path: string,
    { body, headers = {} }: { body?: BodyInit; headers?: Record<string, string> } = {},
  ): Promise<Answer | undefined> {
    const signal = AbortSignal.any([this.#aborts.signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    try {
      const response = await fetch(this.#url + path, {
        method,
        headers: { authorization: `Bearer ${TOKEN}`, ...headers },
        signal,
        ...(body === undefined ? {} : { body }),
      });
      const { status } = response;
      return { status, text: await response.text(), event: response.headers.get("theater-event") };
    } catch (thrown) {
      if (thrown instanceof TypeError || thrown instanceof DOMException) return undefined;
      throw thrown;
    }
  }

  /** What must be answered. */
  async must(
    method: string,
    path: string,
    options?: Parameters<Server["call"]>[2],
  ): Promise<string> {
    const answer = await this.call(method, path, options);
    if (answer !== undefined && answer.status < 300) return answer.text;
    throw new Error(`${method} ${path}: ${answer === undefined ? "no answer" : answer.text}`);
  }
}
