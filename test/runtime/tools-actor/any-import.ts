// Any function that the host provides, called by its name in WIT, past the guest library: what the component
// passes is what the caller said, and what it gets is told as it came. Bytes travel as `{"$bytes": latin1}`.

import * as httpStream from "theater:edge/http-stream";
import * as timers from "theater:edge/timers";
import * as websockets from "theater:edge/websockets";
import * as environment from "theater:simple/environment";
import * as filesystem from "theater:simple/filesystem";
import * as httpClient from "theater:simple/http-client";
import * as httpFramework from "theater:simple/http-framework";
import * as messages from "theater:simple/message-server-host";
import * as process from "theater:simple/process";
import * as random from "theater:simple/random";
import * as runtime from "theater:simple/runtime";
import * as store from "theater:simple/store";
import * as supervisor from "theater:simple/supervisor";
import * as timing from "theater:simple/timing";

const IMPORTS: Record<string, unknown> = {
  "theater:edge/http-stream": httpStream,
  "theater:edge/timers": timers,
  "theater:edge/websockets": websockets,
  "theater:simple/environment": environment,
  "theater:simple/filesystem": filesystem,
  "theater:simple/http-client": httpClient,
  "theater:simple/http-framework": httpFramework,
  "theater:simple/message-server-host": messages,
  "theater:simple/process": process,
  "theater:simple/random": random,
  "theater:simple/runtime": runtime,
  "theater:simple/store": store,
  "theater:simple/supervisor": supervisor,
  "theater:simple/timing": timing,
};

/** What the function gave, or the message of what it threw. `about`: `interface#function`. */
export function callImport(about: string, ...args: unknown[]): { gave: unknown } | { err: string } {
  const [name = "", fn = ""] = about.split("#");
  const functions = IMPORTS[name] as Record<string, (...args: unknown[]) => unknown>;
  const call = functions[fn.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  if (call === undefined) return { err: `the actor imports no ${about}` };
  try {
    return { gave: toJson(call(...args.map(fromJson))) };
  } catch (thrown) {
    return { err: (thrown as Error).message };
  }
}

function fromJson(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json !== "object" || json === null) return json;
  if ("$bytes" in json) {
    return Uint8Array.from(String(json.$bytes), (character) => character.charCodeAt(0));
  }
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
}

function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: String.fromCharCode(...value) };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, toJson(one)]));
}
