// A visitor whose response leaves while its turn runs: where its parts go, and what she gets as the answer.
//
// Rule: a part leaves when the journal that intends it is on disk. The platform holds back what an object answers
// until then; of a stream that it has answered with before, nobody says so, and so it is waited for here.

import type { StreamHead, Visitor } from "../../handlers/http-stream.ts";
import type { EventRef, HttpReply } from "../protocol.ts";

export class StreamVisitor {
  /** Settles when the response begins. */
  readonly reply: Promise<HttpReply>;
  readonly #answer: (reply: HttpReply) => void;
  readonly #onDisk: () => Promise<void>;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;

  constructor(onDisk: () => Promise<void>) {
    this.#onDisk = onDisk;
    const { promise, resolve } = Promise.withResolvers<HttpReply>();
    this.reply = promise;
    this.#answer = resolve;
  }

  /** As one turn sees it. `intent`: the event that intends what is done now. */
  forTurn(intent: () => EventRef): Visitor {
    return {
      begin: (head) => this.#begin(head, intent()),
      write: (chunk) => this.#write(chunk),
    };
  }

  async #begin({ status, headers }: StreamHead, event: EventRef): Promise<string | undefined> {
    if (this.#writer !== undefined) return "begun: the response has begun";
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    writer.closed.catch(() => undefined); // the next write says it
    this.#writer = writer;
    await this.#onDisk();
    this.#answer({ status, headers, body: readable, isChunked: true, event });
    return undefined;
  }

  async #write(chunk: Uint8Array): Promise<string | undefined> {
    if (this.#writer === undefined) return "not-begun: call begin first";
    await this.#onDisk();
    try {
      await this.#writer.write(chunk);
      return undefined;
    } catch {
      return "gone: nobody takes the response any more";
    }
  }

  /** The turn has ended: its response is whole, or broken off. */
  end(isWhole: boolean): void {
    const end = isWhole ? this.#writer?.close() : this.#writer?.abort(BROKEN);
    end?.catch(() => undefined); // she has left
  }
}

const BROKEN = new Error("the turn failed");
