// The server as the command line sees it: HTTP and nothing else. A refusal keeps the server's own code,
// whatever it is, because the server may be newer than this client.

import { TheaterError } from "../lib/errors.ts";

export interface Connection {
  url: string;
  /** Undefined: asks without a token, which only open routes answer. */
  token: string | undefined;
}

/** What the server answered with problem+json. */
export class ServerRefusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly evidence: unknown;

  constructor(status: number, code: string, message: string, evidence: unknown) {
    super(message);
    this.name = "ServerRefusal";
    this.status = status;
    this.code = code;
    this.evidence = evidence;
  }
}

export interface Sent {
  body?: Uint8Array | string;
  headers?: Record<string, string>;
}

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Until the answer begins; a stream may then go on for as long as it flows. Above any turn's own limit. */
const ANSWER_MS_MAX = 120_000;

/** Throws `ServerRefusal`, `unavailable` if nobody answers, and `too-slow`. */
export async function ask(
  connection: Connection,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  sent: Sent = {},
): Promise<Response> {
  const { url, token } = connection;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), ANSWER_MS_MAX);
  try {
    const response = await fetch(new URL(path, url).href, {
      method,
      signal: patience.signal,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...sent.headers },
      ...(sent.body === undefined ? {} : { body: sent.body }),
    });
    if (response.ok) return response;
    throw await refusal(response, token);
  } catch (thrown) {
    if (thrown instanceof ServerRefusal) throw thrown;
    throw unreachable(url, patience.signal.aborted, thrown);
  } finally {
    clearTimeout(timer);
  }
}

export async function askJson(
  connection: Connection,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  sent: Sent = {},
): Promise<JsonObject> {
  const response = await ask(connection, method, path, sent);
  return asObject(await response.json().catch(() => undefined), path);
}

/** The position that an answer's `Theater-Event` names, as `<seq>:<cid>`. */
export function eventOf(response: Response): { seq: number; cid: string } | null {
  const [seq, cid] = response.headers.get("theater-event")?.split(":") ?? [];
  return seq === undefined || cid === undefined ? null : { seq: Number(seq), cid };
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw notUnderstood(what);
}

export function asList(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw notUnderstood(what);
}

export function asText(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw notUnderstood(what);
}

export function asCount(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw notUnderstood(what);
}

function notUnderstood(what: string): TheaterError {
  return new TheaterError(
    "unsupported",
    `the server's answer (${what}) is not of the form this version reads; is it a Theater server of this version?`,
  );
}

async function refusal(response: Response, token: string | undefined): Promise<ServerRefusal> {
  const { status } = response;
  const problem: unknown = await response.json().catch(() => undefined);
  if (typeof problem !== "object" || problem === null || !("code" in problem)) {
    return new ServerRefusal(status, `http-${status}`, "the server refused without a reason", null);
  }
  const { code, detail, evidence = null }: JsonObject = { ...problem };
  const said = typeof detail === "string" ? detail : "";
  const message = status === 401 ? tokenHint(token) : said;
  return new ServerRefusal(status, String(code), message, evidence);
}

/** In the words of the command line; what the server says is about HTTP headers. */
function tokenHint(token: string | undefined): string {
  return token
    ? "The server does not know this token: check THEATER_TOKEN or --token."
    : "The server wants a token: set THEATER_TOKEN or give --token.";
}

/** Nobody answers, or not to the end. */
export function unreachable(url: string, isSlow: boolean, thrown: unknown): TheaterError {
  if (isSlow) {
    const message = `${url} gave no answer within ${ANSWER_MS_MAX / 1000} s; ask again to see what happened`;
    return new TheaterError("too-slow", message, { url });
  }
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  return new TheaterError(
    "unavailable",
    `nobody answers at ${url}; start a server with \`theater dev\` or set THEATER_URL`,
    { url, reason: cause instanceof Error ? cause.message || cause.name : String(cause) },
  );
}
