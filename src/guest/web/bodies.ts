// Request and Response of the Fetch standard, over bytes in memory: a turn has its whole request, and answers as
// a whole. There are no streams, and `body` is the bytes themselves.

import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { GuestBlob, GuestFile, GuestFormData, readForm } from "./form-data.ts";
import { GuestHeaders, type HeadersInit } from "./headers.ts";
import { GuestSearchParams, GuestUrl } from "./url.ts";

type BodyInit = string | Uint8Array | ArrayBuffer | ArrayBufferView | GuestBlob | GuestSearchParams;

const TEXT = "text/plain;charset=UTF-8";

/** The bytes, and the content type that goes with them where none is given. */
function readBody(body: BodyInit | null | undefined): { bytes: Uint8Array | null; type?: string } {
  if (body == null) return { bytes: null };
  if (typeof body === "string") return { bytes: encodeUtf8(body), type: TEXT };
  if (body instanceof Uint8Array) return { bytes: body };
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) };
  if (ArrayBuffer.isView(body)) {
    return { bytes: new Uint8Array(body.buffer, body.byteOffset, body.byteLength) };
  }
  if (body instanceof GuestBlob) {
    return { bytes: body.content, ...(body.type === "" ? {} : { type: body.type }) };
  }
  if (body instanceof GuestSearchParams) {
    const type = "application/x-www-form-urlencoded;charset=UTF-8";
    return { bytes: encodeUtf8(body.toString()), type };
  }
  // As the standard has it: any other object is its text.
  return { bytes: encodeUtf8(String(body)), type: TEXT };
}

abstract class Body {
  readonly headers: GuestHeaders;
  #isUsed = false;
  readonly #bytes: Uint8Array | null;

  constructor(body: BodyInit | null | undefined, headers: HeadersInit | null | undefined) {
    this.headers = new GuestHeaders(headers);
    const { bytes, type } = readBody(body);
    this.#bytes = bytes;
    if (type !== undefined && !this.headers.has("content-type")) {
      this.headers.set("content-type", type);
    }
  }

  get body(): Uint8Array | null {
    return this.#bytes;
  }

  get bodyUsed(): boolean {
    return this.#isUsed;
  }

  /** As the standard has it: once. */
  #take(): Uint8Array {
    if (this.#isUsed) throw new TypeError("the body was read already: clone() it before");
    this.#isUsed = this.#bytes !== null;
    return this.#bytes ?? new Uint8Array(0);
  }

  async text(): Promise<string> {
    return decodeUtf8(this.#take(), false);
  }

  async json(): Promise<unknown> {
    return JSON.parse(decodeUtf8(this.#take(), false)) as unknown;
  }

  async bytes(): Promise<Uint8Array> {
    return this.#take().slice();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#take().slice().buffer;
  }

  async blob(): Promise<GuestBlob> {
    return new GuestBlob([this.#take()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<GuestFormData> {
    return readForm(this.#take(), this.headers.get("content-type"));
  }
}

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
}

export class GuestRequest extends Body {
  readonly method: string;
  readonly url: string;

  constructor(input: string | GuestUrl | GuestRequest, init: RequestInit = {}) {
    const from = input instanceof GuestRequest ? input : undefined;
    super(init.body ?? from?.body, init.headers ?? from?.headers);
    this.method = (init.method ?? from?.method ?? "GET").toUpperCase();
    this.url =
      typeof input === "string" ? input : input instanceof GuestUrl ? input.href : input.url;
  }

  clone(): GuestRequest {
    return new GuestRequest(this);
  }
}

interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

export class GuestResponse extends Body {
  readonly status: number;
  readonly statusText: string;

  constructor(body?: BodyInit | null, init: ResponseInit = {}) {
    super(body, init.headers);
    this.status = init.status ?? 200;
    this.statusText = init.statusText ?? "";
    if (this.status < 200 || this.status > 599) {
      throw new RangeError(`a status is 200 to 599, not ${this.status}`);
    }
  }

  static json(value: unknown, init: ResponseInit = {}): GuestResponse {
    const headers = new GuestHeaders(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new GuestResponse(JSON.stringify(value), { ...init, headers });
  }

  static redirect(url: string, status = 302): GuestResponse {
    return new GuestResponse(null, { status, headers: { location: url } });
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  clone(): GuestResponse {
    return new GuestResponse(this.body, this);
  }
}

for (const [name, value] of Object.entries({
  Headers: GuestHeaders,
  Request: GuestRequest,
  Response: GuestResponse,
  URL: GuestUrl,
  URLSearchParams: GuestSearchParams,
  FormData: GuestFormData,
  Blob: GuestBlob,
  File: GuestFile,
})) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
