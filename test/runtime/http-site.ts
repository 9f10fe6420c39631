// An actor with one HTTP server and one handler, and whoever asks it over the runtime.

import { expect } from "vitest";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import type { HttpInput } from "../../src/runtime/protocol.ts";
import { theater, type Probe } from "./stage.ts";
import { gave, tools } from "./tools.ts";

const FRAMEWORK = "theater:simple/http-framework#";

export const framework = (fn: string, ...args: unknown[]) =>
  ["call", FRAMEWORK + fn, ...args] as const;

export const SERVER = { port: null, host: null, tlsConfig: null };

interface Gave {
  gave?: unknown;
  err?: string;
}

/** Calls functions of http-framework in one turn; gives what each gave, or its error. */
export async function does(
  actor: Probe,
  ...calls: [fn: string, ...args: unknown[]][]
): Promise<unknown[]> {
  const steps = calls.map(([fn, ...args]) => framework(fn, ...args));
  return ((await gave(actor, ...steps)) as Gave[]).map(({ gave: value, err }) => err ?? value);
}

/** An actor with one running server, of id 1, and one handler, of id 2. */
export async function site(grant: Record<string, unknown> = {}): Promise<Probe> {
  const actor = await tools({ "http-framework": grant });
  expect(
    await does(actor, ["create-server", SERVER], ["register-handler", "all"], ["start-server", 1]),
  ).toEqual([1, 2, 443]);
  return actor;
}

interface Asked {
  status: number | string;
  headers: Record<string, string>;
  text: string;
  json: Record<string, unknown>;
  event: number | undefined;
}

export const INPUT = {
  query: "",
  headers: [],
  forwarded: { host: "example.com", proto: "https", prefix: "/a/x" },
  principal: "token:test",
};

/** Asks over the runtime; a refusal's status is its code. */
export async function ask(
  actor: Probe,
  method: string,
  uri: string,
  {
    body = "",
    headers = {},
    ...more
  }: { body?: string; headers?: Record<string, string> } & Partial<
    Omit<HttpInput, "body" | "headers">
  > = {},
): Promise<Asked> {
  const [path = "", query] = uri.split("?");
  const answer = await theater.http(actor.id, {
    ...INPUT,
    method,
    path,
    query: query === undefined ? "" : `?${query}`,
    headers: Object.entries(headers),
    body: fromUtf8(body),
    ...more,
  });
  if (!answer.ok) {
    const { code, message, evidence, event } = answer.error;
    return { status: code, headers: {}, text: message, json: evidence ?? {}, event: event?.seq };
  }
  const { status, headers: given, body: bytes, event } = answer.value;
  const text = bytes instanceof Uint8Array ? toUtf8(bytes) : "";
  const json = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status, headers: Object.fromEntries(given), text, json, event: event.seq };
}
