// wasi:io: errors, pollables and streams. Input is bytes that are there already; output goes to a sink.
//
// Rule: nothing waits but `poll`, `block` and the blocking functions of output, and what they wait for is done in
// the order in which the guest listed it. So a replay meets the same order.

import { wasiError, type World } from "./world.ts";

/** Of one read: what the guest asks for can be all of its memory. */
const READ_BYTES_MAX = 64 * 1024;
/** Of one write, as the guest is told by `check-write`. */
export const WRITE_BYTES_MAX = 64 * 1024;
const MS_NS = 1_000_000n;

export class IoError {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toDebugString(): string {
    return this.#text;
  }
}

const closed = (): Error => wasiError({ tag: "closed" });
const failedWith = (text: string): Error =>
  wasiError({ tag: "last-operation-failed", val: new IoError(text) });

/** What a pollable stands for. */
export interface Awaited {
  ready(): boolean;
  /** Does what brings it nearer; absent where only time or the guest itself can. */
  advance?(): Promise<void>;
  /** When it is ready of itself, ns of the monotonic clock. */
  atNs?: bigint;
}

const READY: Awaited = { ready: () => true };

export class Pollable {
  readonly #awaited: Awaited;
  readonly #world: World | undefined;

  /** `world`: needed by what is not ready from its beginning. */
  constructor(awaited: Awaited = READY, world?: World) {
    this.#awaited = awaited;
    this.#world = world;
  }

  get awaited(): Awaited {
    return this.#awaited;
  }

  ready(): boolean {
    return this.#awaited.ready();
  }

  async block(): Promise<void> {
    if (!this.ready() && this.#world !== undefined) await waitForOne(this.#world, [this.#awaited]);
  }
}

export const nowNs = (world: World): bigint => BigInt(world.nowMs()) * MS_NS;

/** Places of the pollables that are ready: of one at least. */
export async function poll(world: World, list: readonly Pollable[]): Promise<Uint32Array> {
  if (list.length === 0) throw new Error("wasi:io/poll#poll of an empty list");
  const all = list.map(({ awaited }) => awaited);
  await waitForOne(world, all);
  return Uint32Array.from(all.flatMap((each, index) => (each.ready() ? [index] : [])));
}

async function waitForOne(world: World, all: readonly Awaited[]): Promise<void> {
  const isOver = (): boolean => all.some((each) => each.ready());
  for (const each of all) {
    if (isOver()) return;
    await each.advance?.();
  }
  while (!isOver()) {
    const times = all.flatMap(({ atNs }) => (atNs === undefined ? [] : [atNs]));
    const [first] = times.toSorted((one, other) => Number(one - other));
    if (first === undefined) world.end("never-ready", "the guest waits for what cannot happen");
    const leftNs = first - nowNs(world);
    const leftMs = Number((leftNs + MS_NS - 1n) / MS_NS);
    const slept = await world.host("theater:simple/timing#sleep", [
      Math.min(leftMs, Number.MAX_SAFE_INTEGER),
    ]);
    const { err } = slept as { err?: string };
    if (err !== undefined) world.end("denied", `a wait was refused: ${err}`);
  }
}

/** Bytes that are there from the beginning, read from where they are: no second copy is made of them. */
export class InputStream {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(length: bigint): Uint8Array {
    const most = length > BigInt(READ_BYTES_MAX) ? READ_BYTES_MAX : Number(length);
    if (most > 0 && this.#at >= this.#bytes.length) throw closed();
    const part = this.#bytes.subarray(this.#at, this.#at + most);
    this.#at += part.length;
    return part;
  }

  blockingRead(length: bigint): Uint8Array {
    return this.read(length);
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  blockingSkip(length: bigint): bigint {
    return this.skip(length);
  }

  subscribe(): Pollable {
    return new Pollable();
  }
}

/** Where output goes. */
export interface Sink {
  /** Bytes that it takes now; undefined: it takes none any more. */
  room(): number | undefined;
  /** At most as many as there is room for. */
  take(bytes: Uint8Array): void;
  /** Gives the reason where it failed. */
  flush(): Promise<string | undefined>;
}

export class OutputStream {
  readonly #sink: Sink;
  readonly #world: World;

  constructor(sink: Sink, world: World) {
    this.#sink = sink;
    this.#world = world;
  }

  #room(): number {
    const room = this.#sink.room();
    if (room === undefined) throw closed();
    return Math.min(room, WRITE_BYTES_MAX);
  }

  checkWrite(): bigint {
    return BigInt(this.#room());
  }

  write(bytes: Uint8Array): void {
    // More than it was allowed is a guest's bug, and traps as the interface says.
    if (bytes.length > this.#room()) throw new Error("a write of more than check-write allowed");
    this.#sink.take(bytes);
  }

  writeZeroes(length: bigint): void {
    this.write(new Uint8Array(Number(length > BigInt(WRITE_BYTES_MAX) ? -1n : length)));
  }

  async flush(): Promise<void> {
    if (this.#sink.room() === undefined) throw closed();
    const problem = await this.#sink.flush();
    if (problem !== undefined) throw failedWith(problem);
  }

  async blockingFlush(): Promise<void> {
    await this.flush();
  }

  async blockingWriteAndFlush(bytes: Uint8Array): Promise<void> {
    // The interface says 4096 bytes at most; a guest that writes more is given what it asks for.
    for (let at = 0; at < bytes.length;) {
      if (this.#room() === 0) await this.flush();
      const part = bytes.subarray(at, at + this.#room());
      if (part.length === 0) throw closed();
      this.#sink.take(part);
      at += part.length;
    }
    await this.flush();
  }

  async blockingWriteZeroesAndFlush(length: bigint): Promise<void> {
    this.writeZeroes(length);
    await this.flush();
  }

  splice(from: InputStream, length: bigint): bigint {
    const room = BigInt(this.#room());
    const part = from.read(length < room ? length : room);
    this.#sink.take(part);
    return BigInt(part.length);
  }

  async blockingSplice(from: InputStream, length: bigint): Promise<bigint> {
    if (this.#room() === 0) await this.flush();
    return this.splice(from, length);
  }

  subscribe(): Pollable {
    const sink = this.#sink;
    const awaited = {
      ready: () => sink.room() !== 0,
      advance: async () => {
        await sink.flush(); // what went wrong is said by the next operation
      },
    };
    return new Pollable(awaited, this.#world);
  }
}
