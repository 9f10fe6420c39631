// An actor that calls the capabilities it is told to: a message is a JSON list of steps, the reply the list of
// what they gave. A refusal of the host is `err: …`. Bytes travel as text.

import { defineActor } from "theater/guest";
import { exists, getVar, listVars } from "theater/guest/environment";
import * as files from "theater/guest/filesystem";
import { send as sendHttp, type HttpRequest } from "theater/guest/http-client";
import { send } from "theater/guest/message-server";
import * as random from "theater/guest/random";
import { log, shutdown } from "theater/guest/runtime";
import * as store from "theater:simple/store";
import * as process from "theater:simple/process";
import { callImport } from "./any-import.ts";
import { webHandlers } from "./web.ts";

type Step = readonly [name: string, ...args: never[]];

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

const CONFIG = {
  program: "ls",
  args: [],
  cwd: null,
  env: [],
  bufferSize: 1,
  stdoutMode: { tag: "raw" },
  stderrMode: { tag: "raw" },
  chunkSize: null,
  executionTimeout: null,
};

let traps = false;

const steps: Record<string, (...args: never[]) => unknown> = {
  /** The turn traps at its end: its result is of no type of the component's. */
  trap: () => {
    traps = true;
  },
  call: (about: string, ...args: unknown[]) => callImport(about, ...args),
  log: (line: string) => log(line),
  shutdown: (data: string) => shutdown(data),
  told: () => told,
  "child-events": (id: string) => {
    const result = callImport("theater:simple/supervisor#get-child-events", id);
    return "gave" in result ? (result.gave as unknown[]).length : result.err;
  },
  send: (id: string, body: string) => send(id, body),
  "get-var": (name: string) => getVar(name),
  "list-vars": () => listVars(),
  exists: (name: string) => exists(name),
  read: (path: string) => files.readFile(path).text(),
  write: (path: string, content: string) => files.writeFile(path, content),
  "write-long": (path: string, length: number) => files.writeFile(path, "z".repeat(length)),
  "read-length": (path: string) => files.readFile(path).bytes.length,
  list: (path: string) => files.listFiles(path),
  delete: (path: string) => files.deleteFile(path),
  mkdir: (path: string) => files.createDir(path),
  rmdir: (path: string) => files.deleteDir(path),
  "path-exists": (path: string) => files.pathExists(path),
  exec: (dir: string, command: string, args: string[]) => files.executeCommand(dir, command, args),
  nix: (dir: string, command: string) => files.executeNixCommand(dir, command),
  http: (request: HttpRequest) => {
    const { status, headers, body } = sendHttp(request);
    return { status, headers, body: body?.text() ?? null };
  },
  "http-length": (request: HttpRequest) => sendHttp(request).body?.bytes.length ?? 0,
  /** What the response said, sent on: for what a guest may do with an echo. */
  "http-with-var": (name: string, request: HttpRequest) => {
    const mark = getVar(name) ?? "none";
    const filled = JSON.parse(JSON.stringify(request).replaceAll("$VAR", mark)) as HttpRequest;
    const { status, body } = sendHttp(filled);
    return { status, body: body?.text() ?? null };
  },
  "random-bytes": (length: number) => [...random.randomBytes(length)],
  "random-range": (min: number, max: number) => random.randomRange(min, max),
  "random-float": () => random.randomFloat(),
  uuid: () => random.generateUuid(),
  "store-new": () => store.new(),
  "store-put": (id: string, content: string) => store.store(id, bytesOf(content)).hash,
  "store-get": (id: string, hash: string) => text(store.get(id, { hash })),
  "store-exists": (id: string, hash: string) => store.exists(id, { hash }),
  "store-label": (id: string, label: string, hash: string) => store.label(id, label, { hash }),
  "store-by-label": (id: string, label: string) => store.getByLabel(id, label)?.hash ?? null,
  "store-unlabel": (id: string, label: string) => store.removeLabel(id, label),
  "store-unlabel-from": (id: string, label: string, hash: string) =>
    store.removeFromLabel(id, label, { hash }),
  "store-put-at": (id: string, label: string, content: string) =>
    store.storeAtLabel(id, label, bytesOf(content)).hash,
  "store-replace-content": (id: string, label: string, content: string) =>
    store.replaceContentAtLabel(id, label, bytesOf(content)).hash,
  "store-replace": (id: string, label: string, hash: string) =>
    store.replaceAtLabel(id, label, { hash }),
  "store-labels": (id: string) => store.listLabels(id),
  "store-all": (id: string) => store.listAllContent(id).map(({ hash }) => hash),
  "store-size": (id: string) => store.calculateTotalSize(id),
  spawn: () => process.osSpawn(CONFIG),
  stdin: (pid: number) => process.osWriteStdin(pid, new Uint8Array(1)),
  status: (pid: number) => process.osStatus(pid),
  signal: (pid: number) => process.osSignal(pid, 9),
  kill: (pid: number) => process.osKill(pid),
};

function bytesOf(content: string): Uint8Array {
  return Uint8Array.from(content, (character) => character.charCodeAt(0));
}

class Refusal extends Error {}

interface State {
  /** What the callbacks about children were given. */
  told: unknown[];
}

/** Of the turn's state. */
let told: unknown[] = [];

function run(program: readonly Step[]): unknown[] {
  return program.map(([name, ...args]) => {
    if (name === "refuse") throw new Refusal("refused");
    const step = steps[name];
    if (step === undefined) throw new Refusal(`no step ${name}`);
    try {
      return step(...args) ?? null;
    } catch (thrown) {
      return `err: ${(thrown as Error).message}`;
    }
  });
}

const made = defineActor<State>({
  init: (given) => {
    const { init } = (given ?? {}) as { init?: readonly Step[] };
    if (init !== undefined) run(init);
    return { told: [] };
  },
  onSend(state, message) {
    run(message.json() as readonly Step[]);
    return state;
  },
  onRequest(state, message) {
    told = state.told;
    const program = message.json() as readonly Step[];
    if (program[0]?.[0] === "defer") return [state, null];
    return [state, JSON.stringify(run(program))];
  },
  onChannelOpen(state, message) {
    run(message.json() as readonly Step[]);
    return [state, true];
  },
  onChannelMessage(state, message) {
    run(message.json() as readonly Step[]);
    return state;
  },
  onTimer(state, _, message) {
    run(message.json() as readonly Step[]);
    return state;
  },
});

export const { actor, timersClient } = made;

const { messageServerClient: client } = made;
export const messageServerClient: typeof client = {
  ...client,
  handleRequest(state, params): ReturnType<typeof client.handleRequest> {
    const result = client.handleRequest(state, params);
    return traps ? (7 as never) : result;
  },
};

export const httpHandlers = webHandlers(run as never);

type Bytes = Uint8Array | null;

/** Past the guest library: the parameters as they come. */
function note(state: Bytes, what: unknown[]): [Bytes] {
  log(`${String(what[0])} ${String(what[1])}`);
  const { told: before } = JSON.parse(text(state ?? bytesOf("{}"))) as State;
  return [bytesOf(JSON.stringify({ told: [...before, what] }))];
}

const shown = (bytes: Bytes): string | null => (bytes === null ? null : text(bytes));

export const supervisorHandlers: Record<string, (state: Bytes, params: never) => [Bytes]> = {
  handleChildError: (state, [id, error]: [string, { errorType: string; data: Bytes }]) =>
    note(state, ["error", id, error.errorType, shown(error.data)]),
  handleChildExit: (state, [id, data]: [string, Bytes]) =>
    note(state, ["exit", id, data === null || data.length < 100 ? shown(data) : data.length]),
  handleChildExternalStop: (state, [id]: [string]) => note(state, ["external stop", id]),
};
