// What a standard component imports, in the shape that jco's `instantiate` takes: one table of functions and
// classes for each interface of WASI 0.2. The table is also what the host knows a function of WASI by.

import type { Value } from "../chain/value.ts";
import { FutureTrailers, IncomingBody, OutgoingBody } from "./bodies.ts";
import { Fields } from "./fields.ts";
import { IncomingRequest, OutgoingResponse, ResponseOutparam } from "./incoming.ts";
import { InputStream, IoError, nowNs, OutputStream, poll, Pollable, type Sink } from "./io.ts";
import {
  FutureIncomingResponse,
  handleOutgoing,
  IncomingResponse,
  OutgoingRequest,
  RequestOptions,
} from "./outgoing.ts";
import type { World } from "./world.ts";

/** By interface, without a version; functions and classes by the names that jco gives them. */
export type StandardImports = Record<string, Record<string, unknown>>;

const MS_NS = 1_000_000n;
const NOW = "theater:simple/timing#now";
const RANDOM = "theater:simple/random#random-bytes";

/** `log`: where what the guest prints goes. */
export function standardImports(world: World, log: Sink): StandardImports {
  return { ...http(world), ...io(world), ...clocks(world), ...random(world), ...cli(world, log) };
}

function http(world: World): StandardImports {
  // Constructors take no world: each instance has classes of its own that know theirs.
  class OwnRequest extends OutgoingRequest {
    constructor(headers: Fields) {
      super(headers, world);
    }
  }
  class OwnResponse extends OutgoingResponse {
    constructor(headers: Fields) {
      super(headers, world);
    }
  }
  return {
    "wasi:http/types": {
      Fields,
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      OutgoingRequest: OwnRequest,
      OutgoingResponse: OwnResponse,
      RequestOptions,
      ResponseOutparam,
      httpErrorCode: () => undefined,
    },
    "wasi:http/outgoing-handler": {
      handle: (request: OutgoingRequest) => handleOutgoing(world, request),
    },
  };
}

function io(world: World): StandardImports {
  return {
    "wasi:io/error": { Error: IoError },
    "wasi:io/poll": { Pollable, poll: (list: readonly Pollable[]) => poll(world, list) },
    "wasi:io/streams": { InputStream, OutputStream },
  };
}

function clocks(world: World): StandardImports {
  const nowMs = (): bigint => BigInt(world.here(NOW, []) as number | bigint);
  const at = (atNs: bigint): Pollable =>
    new Pollable({ ready: () => nowNs(world) >= atNs, atNs }, world);
  return {
    "wasi:clocks/monotonic-clock": {
      now: () => nowMs() * MS_NS,
      resolution: () => MS_NS,
      subscribeInstant: at,
      subscribeDuration: (durationNs: bigint) => at(nowNs(world) + durationNs),
    },
    "wasi:clocks/wall-clock": {
      now: () => {
        const ms = nowMs();
        return { seconds: ms / 1_000n, nanoseconds: Number((ms % 1_000n) * MS_NS) };
      },
      resolution: () => ({ seconds: 0n, nanoseconds: Number(MS_NS) }),
    },
  };
}

function random(world: World): StandardImports {
  const bytes = (length: bigint): Uint8Array => {
    const asked = Math.min(Number(length), Number.MAX_SAFE_INTEGER);
    const { ok, err } = world.here(RANDOM, [asked]) as { ok?: Value; err?: string };
    // WASI's functions cannot say no.
    return ok instanceof Uint8Array ? ok : world.end("denied", `random bytes: ${err ?? ""}`);
  };
  const u64 = (from = bytes(8n), at = 0): bigint =>
    new DataView(from.buffer, from.byteOffset).getBigUint64(at);
  const seed = (): [bigint, bigint] => {
    const drawn = bytes(16n);
    return [u64(drawn), u64(drawn, 8)];
  };
  return {
    "wasi:random/random": { getRandomBytes: bytes, getRandomU64: () => u64() },
    "wasi:random/insecure": { getInsecureRandomBytes: bytes, getInsecureRandomU64: () => u64() },
    "wasi:random/insecure-seed": { insecureSeed: seed },
  };
}

/** Nothing of a terminal, a console or files is there. */
function cli(world: World, log: Sink): StandardImports {
  class TerminalInput {}
  class TerminalOutput {}
  const nothing = (): undefined => undefined;
  const exit = (): never => world.end("exit", "the guest called exit");
  return {
    "wasi:cli/environment": {
      getEnvironment: () => world.host("theater:simple/environment#list-vars", []),
      getArguments: () => [],
      initialCwd: nothing,
    },
    "wasi:cli/exit": { exit, exitWithCode: exit },
    "wasi:cli/stdin": { getStdin: () => new InputStream(new Uint8Array(0)) },
    "wasi:cli/stdout": { getStdout: () => new OutputStream(log, world) },
    "wasi:cli/stderr": { getStderr: () => new OutputStream(log, world) },
    "wasi:cli/terminal-input": { TerminalInput },
    "wasi:cli/terminal-output": { TerminalOutput },
    "wasi:cli/terminal-stdin": { getTerminalStdin: nothing },
    "wasi:cli/terminal-stdout": { getTerminalStdout: nothing },
    "wasi:cli/terminal-stderr": { getTerminalStderr: nothing },
    "wasi:filesystem/preopens": { getDirectories: () => [] },
  };
}
