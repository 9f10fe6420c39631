// Requests that a standard component makes: each is one call of http-client, made as soon as its body is complete,
// in the order in which the guest completed them. When the guest goes on, its answer is there.

import type { Value } from "../chain/value.ts";
import { Content, declaredLength, IncomingBody, OutgoingBody } from "./bodies.ts";
import { Fields } from "./fields.ts";
import type { Variant } from "./incoming.ts";
import { Pollable } from "./io.ts";
import { wasiError, type World } from "./world.ts";

const SEND = "theater:simple/http-client#send-http";

export class OutgoingRequest {
  readonly #headers: Fields;
  readonly #world: World;
  readonly content = new Content();
  #method: Variant = { tag: "get" };
  #path: string | undefined;
  #scheme: Variant | undefined;
  #authority: string | undefined;
  #hasBody = false;

  constructor(headers: Fields, world: World) {
    this.#headers = headers.clone();
    this.#world = world;
  }

  body(): OutgoingBody {
    if (this.#hasBody) throw wasiError();
    this.#hasBody = true;
    return new OutgoingBody(this.content, this.#world, declaredLength(this.#headers));
  }

  get hasBody(): boolean {
    return this.#hasBody;
  }

  method(): Variant {
    return this.#method;
  }

  setMethod(method: Variant): void {
    if (method.tag === "other" && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(String(method.val))) {
      throw wasiError();
    }
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    this.#path = path;
  }

  scheme(): Variant | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Variant | undefined): void {
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    this.#authority = authority;
  }

  headers(): Fields {
    return this.#headers.fixed();
  }

  /** As `theater:simple/http-types#http-request`. Throws the `error-code` of what has no URL. */
  whole(): Value {
    if (this.#authority === undefined) throw wasiError({ tag: "HTTP-request-URI-invalid" });
    const { tag, val } = this.#scheme ?? { tag: "HTTPS" };
    const scheme = tag === "other" ? String(val) : tag.toLowerCase();
    const path = this.#path ?? "/";
    const uri = `${scheme}://${this.#authority}${path.startsWith("/") ? path : `/${path}`}`;
    const { tag: kind, val: other } = this.#method;
    const method = kind === "other" ? String(other) : kind.toUpperCase();
    const body = this.content.takeSpooled();
    // The body says how long it is: the host writes the header.
    const headers = this.#headers.texts().filter(([name]) => !/^content-length$/i.test(name));
    return { method, uri, headers, body: body.length === 0 ? null : [body] };
  }
}

/** What is set is kept, and not acted on: `timeout_ms` of the grant ends a request. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }

  setConnectTimeout(duration: bigint | undefined): void {
    this.#connect = duration;
  }

  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }

  setFirstByteTimeout(duration: bigint | undefined): void {
    this.#firstByte = duration;
  }

  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }

  setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#betweenBytes = duration;
  }
}

interface GivenResponse {
  status: number;
  headers: readonly (readonly [string, string])[];
  body: null | readonly [Uint8Array];
}

export class IncomingResponse {
  readonly #given: GivenResponse;
  #isConsumed = false;

  constructor(given: GivenResponse) {
    this.#given = given;
  }

  status(): number {
    return this.#given.status;
  }

  headers(): Fields {
    return Fields.received(this.#given.headers);
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw wasiError();
    this.#isConsumed = true;
    return new IncomingBody(this.#given.body?.[0] ?? new Uint8Array(0));
  }
}

type Settled = { tag: "ok"; val: IncomingResponse } | { tag: "err"; val: Variant };

export class FutureIncomingResponse {
  readonly #content: Content;
  readonly #world: World;
  #settled: Settled | undefined;
  #isTaken = false;

  constructor(content: Content, world: World) {
    this.#content = content;
    this.#world = world;
  }

  settle(settled: Settled): void {
    this.#settled = settled;
  }

  subscribe(): Pollable {
    return new Pollable({ ready: () => this.#now() !== undefined }, this.#world);
  }

  get(): object | undefined {
    const settled = this.#now();
    if (settled === undefined) return undefined;
    if (this.#isTaken) return { tag: "err", val: undefined };
    this.#isTaken = true;
    return { tag: "ok", val: settled };
  }

  #now(): Settled | undefined {
    if (this.#settled !== undefined || this.#content.state !== "dropped") return this.#settled;
    return { tag: "err", val: { tag: "internal-error", val: "the request's body was dropped" } };
  }
}

/** `wasi:http/outgoing-handler#handle`. */
export async function handleOutgoing(
  world: World,
  request: OutgoingRequest,
): Promise<FutureIncomingResponse> {
  const { content } = request;
  const future = new FutureIncomingResponse(content, world);
  const send = async (): Promise<void> => {
    future.settle(settledBy(await world.host(SEND, [request.whole()])));
  };
  if (!request.hasBody || content.state === "finished") await send();
  else content.onEnd = send;
  return future;
}

function settledBy(result: Value): Settled {
  const { ok, err } = result as { ok?: Value; err?: string };
  return err === undefined
    ? { tag: "ok", val: new IncomingResponse(ok as unknown as GivenResponse) }
    : { tag: "err", val: errorCode(err) };
}

/** By the beginning of what http-client says. */
const CODES: readonly [RegExp, Variant][] = [
  [/^Permission denied/, { tag: "HTTP-request-denied" }],
  [/^timeout/, { tag: "HTTP-response-timeout" }],
  [/^no-response/, { tag: "connection-terminated" }],
  [/^too-large/, { tag: "HTTP-response-body-size", val: undefined }],
  [/^too-many-redirects/, { tag: "loop-detected" }],
];

const errorCode = (text: string): Variant =>
  CODES.find(([pattern]) => pattern.test(text))?.[1] ?? { tag: "internal-error", val: text };
