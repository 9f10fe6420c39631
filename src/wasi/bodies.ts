// Bodies of wasi:http: one that came whole, and one that the guest writes. A written body is spooled until its
// message is complete, or, where the response is streamed, leaves with each flush.

import type { Fields } from "./fields.ts";
import { InputStream, OutputStream, Pollable, type Sink, WRITE_BYTES_MAX } from "./io.ts";
import { wasiError, type World } from "./world.ts";

/** A body that is spooled: as much as a turn returns. */
const SPOOL_BYTES_MAX = 10 * 1024 * 1024;
const GROWTH_BYTES = 4 * 1024;

export class IncomingBody {
  readonly #bytes: Uint8Array;
  #isTaken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  stream(): InputStream {
    if (this.#isTaken) throw wasiError();
    this.#isTaken = true;
    return new InputStream(this.#bytes);
  }

  // oxlint-disable-next-line no-unused-vars -- the handle is given up by being passed
  static finish(body: IncomingBody): FutureTrailers {
    return new FutureTrailers();
  }
}

/** Trailers do not reach a guest. */
export class FutureTrailers {
  #isTaken = false;

  subscribe(): Pollable {
    return new Pollable();
  }

  get(): object {
    if (this.#isTaken) return { tag: "err", val: undefined };
    this.#isTaken = true;
    return { tag: "ok", val: { tag: "ok", val: undefined } };
  }
}

/** What a guest writes. */
export class Content implements Sink {
  /** Grows by doubling: a guest may write byte by byte. */
  #buffer = new Uint8Array(0);
  #spooled = 0;
  /** All that was written, left or not. */
  #written = 0;
  #state: "open" | "finished" | "dropped" = "open";
  #away: ((chunk: Uint8Array) => Promise<string | undefined>) | undefined;
  #broken = false;
  /** Told once, when no more is written. */
  onEnd: (() => Promise<void>) | undefined;

  get state(): "open" | "finished" | "dropped" {
    return this.#state;
  }

  get length(): number {
    return this.#written;
  }

  /** From now on it leaves with each flush. `away` gives the reason where it could not. */
  streamTo(away: (chunk: Uint8Array) => Promise<string | undefined>): void {
    this.#away = away;
  }

  room(): number | undefined {
    if (this.#state !== "open" || this.#broken) return undefined;
    const max = this.#away === undefined ? SPOOL_BYTES_MAX : WRITE_BYTES_MAX;
    const room = Math.max(0, max - this.#spooled);
    // A spool that is full never has room again.
    return room === 0 && this.#away === undefined ? undefined : room;
  }

  take(bytes: Uint8Array): void {
    const end = this.#spooled + bytes.length;
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#buffer.length, GROWTH_BYTES));
      larger.set(this.#buffer.subarray(0, this.#spooled));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#spooled);
    this.#spooled = end;
    this.#written += bytes.length;
  }

  async flush(): Promise<string | undefined> {
    if (this.#away === undefined || this.#spooled === 0) return undefined;
    const problem = await this.#away(this.takeSpooled());
    this.#broken = problem !== undefined;
    return problem;
  }

  /** What was written and has not left. */
  takeSpooled(): Uint8Array {
    const whole = this.#buffer.slice(0, this.#spooled); // a view would carry all of the buffer
    this.#buffer = new Uint8Array(0);
    this.#spooled = 0;
    return whole;
  }

  /** Nothing more is written. Gives the reason where not all of it could leave. */
  async finish(): Promise<string | undefined> {
    if (this.#state !== "open") return undefined;
    const problem = this.#broken ? "the stream is broken" : await this.flush();
    this.#state = "finished";
    await this.onEnd?.();
    return problem;
  }

  /** It has no end. */
  drop(): void {
    if (this.#state === "open") this.#state = "dropped";
  }
}

export class OutgoingBody {
  readonly content: Content;
  readonly #world: World;
  readonly #length: number | undefined;
  #isTaken = false;

  /** `length`: what the headers say that it has; undefined where they do not. */
  constructor(content: Content, world: World, length: number | undefined) {
    this.content = content;
    this.#world = world;
    this.#length = length;
  }

  write(): OutputStream {
    if (this.#isTaken) throw wasiError();
    this.#isTaken = true;
    return new OutputStream(this.content, this.#world);
  }

  /** Trailers do not leave. */
  static async finish(body: OutgoingBody): Promise<void> {
    const { content } = body;
    const expected = body.#length;
    if (expected !== undefined && expected !== content.length) {
      content.drop();
      throw wasiError({ tag: "HTTP-response-body-size", val: BigInt(content.length) });
    }
    const problem = await content.finish();
    if (problem !== undefined) throw wasiError({ tag: "connection-terminated" });
  }

  [Symbol.dispose](): void {
    this.content.drop();
  }
}

/** What a content-length among the fields says. */
export function declaredLength(fields: Fields): number | undefined {
  const text = fields.texts().find(([name]) => name.toLowerCase() === "content-length")?.[1];
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}
