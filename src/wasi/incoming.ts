// A request that came for a standard component, and its answer, as the guest holds them.

import type { Value } from "../chain/value.ts";
import { Content, declaredLength, IncomingBody, OutgoingBody } from "./bodies.ts";
import { Fields } from "./fields.ts";
import { refusalIn, wasiError, type World } from "./world.ts";

/** `theater:simple/http-types#http-request`. */
export interface GivenRequest {
  method: string;
  uri: string;
  headers: readonly (readonly [string, string])[];
  body: null | readonly [Uint8Array];
}

const METHODS: ReadonlySet<string> = new Set(
  "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split(" "),
);

export interface Variant {
  tag: string;
  val?: unknown;
}

const methodVariant = (name: string): Variant =>
  METHODS.has(name) ? { tag: name.toLowerCase() } : { tag: "other", val: name };

export class IncomingRequest {
  readonly #given: GivenRequest;
  #isConsumed = false;

  constructor(given: GivenRequest) {
    this.#given = given;
  }

  method(): Variant {
    return methodVariant(this.#given.method);
  }

  pathWithQuery(): string {
    return this.#given.uri;
  }

  scheme(): Variant {
    return { tag: this.#header("x-forwarded-proto") === "https" ? "HTTPS" : "HTTP" };
  }

  authority(): string | undefined {
    return this.#header("x-forwarded-host") ?? this.#header("host");
  }

  headers(): Fields {
    return Fields.received(this.#given.headers);
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw wasiError();
    this.#isConsumed = true;
    return new IncomingBody(this.#given.body?.[0] ?? new Uint8Array(0));
  }

  #header(wanted: string): string | undefined {
    return this.#given.headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  }
}

const ANSWER_BEGIN = "theater:edge/http-stream#begin";
const ANSWER_WRITE = "theater:edge/http-stream#write";

/** What the guest answered one request with, so far. */
export interface GivenAnswer {
  set: { response: OutgoingResponse } | { error: string } | undefined;
}

export class OutgoingResponse {
  readonly #headers: Fields;
  readonly #world: World;
  readonly content = new Content();
  #status = 200;
  #hasBody = false;

  constructor(headers: Fields, world: World) {
    this.#headers = headers.clone();
    this.#world = world;
  }

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): void {
    if (status < 100 || status > 599) throw wasiError();
    this.#status = status;
  }

  headers(): Fields {
    return this.#headers.fixed();
  }

  body(): OutgoingBody {
    if (this.#hasBody) throw wasiError();
    this.#hasBody = true;
    return new OutgoingBody(this.content, this.#world, this.#length());
  }

  #length(): number | undefined {
    // HEAD is answered with the length that GET would have.
    return this.#world.answersHead ? undefined : declaredLength(this.#headers);
  }

  /** Whether nothing is left to write. */
  get isComplete(): boolean {
    return !this.#hasBody || this.content.state === "finished";
  }

  head(): { status: number; headers: [string, string][] } {
    return { status: this.#status, headers: this.#headers.texts() };
  }

  /** As `theater:simple/http-types#http-response`. What has left with a stream is not in it. */
  whole(): Value {
    const body = this.content.takeSpooled();
    return { ...this.head(), body: body.length === 0 ? null : [body] };
  }
}

export class ResponseOutparam {
  readonly #answer: GivenAnswer;
  readonly #world: World;

  constructor(answer: GivenAnswer, world: World) {
    this.#answer = answer;
    this.#world = world;
  }

  static async set(param: ResponseOutparam, given: Variant): Promise<void> {
    if (given.tag === "err") {
      param.#answer.set = { error: errorText(given.val as Variant) };
      return;
    }
    const response = given.val as OutgoingResponse;
    param.#answer.set = { response };
    if (!param.#world.streams) return;
    const world = param.#world;
    const { status, headers } = response.head();
    const refusal = refusalIn(await world.host(ANSWER_BEGIN, [status, headers]));
    response.content.streamTo(
      refusal === undefined
        ? async (chunk) => refusalIn(await world.host(ANSWER_WRITE, [chunk]))
        : () => Promise.resolve(refusal),
    );
  }

  /** 1xx responses do not leave. */
  sendInformational(): void {
    throw wasiError({ tag: "HTTP-protocol-error" });
  }
}

/** An `error-code` as a text. */
function errorText({ tag, val }: Variant): string {
  if (val === undefined || val === null) return tag;
  return `${tag}: ${typeof val === "string" ? val : JSON.stringify(val, shown)}`;
}

const shown = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? Number(value) : value;
