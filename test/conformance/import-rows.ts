// One row for each function that a host provides: calls that succeed, calls beyond a narrow grant, and calls
// whose arguments WIT lets through and the handler does not.

import { expect } from "vitest";
import { bytes, err, NO_INPUT, ok, type ImportRow, type ImportRows } from "./import-row.ts";
import { httpFramework } from "./http-rows.ts";
import { websockets } from "./socket-rows.ts";
import { httpStream, STREAM } from "./stream-rows.ts";
import { storeRows } from "./store-rows.ts";

const some = (fields: object): unknown => expect.objectContaining(fields);
const number: unknown = expect.any(Number);

const runtime: ImportRows = {
  log: { works: () => [[["a line"], null]], bad: "takes any text" },
  "get-chain": {
    works: () => [
      [[], some({ events: expect.arrayContaining([some({ hash: number })]) as unknown })],
    ],
    bad: NO_INPUT,
  },
  shutdown: { works: () => [[[bytes("bye")], ok(null)]], bad: "takes any bytes", isLast: true },
};

const NOT_AN_ID = err(/^not an actor id/);
const NO_CHANNEL = err(/channel/);
const NOBODY = err(/^no-such-request/);

const messages: ImportRows = {
  send: {
    works: ({ peer }) => [[[peer.id, bytes('[["log","sent"]]')], ok(null)]],
    bad: () => [
      [["somebody", ""], NOT_AN_ID],
      [["a".repeat(32), ""], err(/no actor/)],
    ],
  },
  request: {
    works: ({ peer }) => [
      [[peer.id, bytes('[["exists","X"]]')], ok(bytes("[false]"))],
      [[peer.id, bytes('[["refuse"]]')], err(/refused/)],
    ],
    bad: ({ actor }) => [
      [["somebody", ""], NOT_AN_ID],
      [[actor.id, ""], err(/^request-cycle/)],
    ],
  },
  "open-channel": {
    works: ({ peer }) => [[[peer.id, bytes("[]")], ok(expect.stringMatching(/^ch_/))]],
    bad: ({ actor }) => [
      [["somebody", ""], NOT_AN_ID],
      [[actor.id, ""], err(/^channel-to-self/)],
    ],
  },
  "send-on-channel": {
    works: ({ channels: [id] }) => [[[id, bytes('[["log","said"]]')], ok(null)]],
    bad: () => [[["no such", ""], NO_CHANNEL]],
  },
  "close-channel": {
    works: ({ channels: [, id] }) => [[[id], ok(null)]],
    bad: () => [[["no such"], NO_CHANNEL]],
  },
  "list-outstanding-requests": {
    works: ({ requests }) => [[[], expect.arrayContaining([...requests])]],
    bad: NO_INPUT,
  },
  "respond-to-request": {
    works: ({ requests: [id] }) => [[[id, bytes('"later"')], ok(null)]],
    bad: () => [[["no such", ""], NOBODY]],
  },
  "cancel-request": {
    works: ({ requests: [, id] }) => [[[id], ok(null)]],
    bad: () => [[["no such"], NOBODY]],
  },
};

const timing: ImportRows = {
  now: { works: () => [[[], number]], bad: NO_INPUT },
  sleep: {
    works: () => [[[1], ok(null)]],
    denied: () => [[[2], err(/^Permission denied: a wait has at most 1 ms/)]],
    bad: () => [
      [[0], err(/at least 1 ms/)],
      [[Number.MAX_SAFE_INTEGER], err(/at most/)],
    ],
  },
  deadline: {
    works: () => [
      [[0], ok(null)],
      [[Date.now() + 5], ok(null)],
    ],
    denied: () => [[[Date.now() + 60_000], err(/^Permission denied: a wait has at most 1 ms/)]],
    bad: () => [[[Number.MAX_SAFE_INTEGER], err(/at most/)]],
  },
};

const random: ImportRows = {
  "random-bytes": {
    works: () => [[[4], ok(expect.stringMatching(/^.{6}==$/))]],
    denied: () => [[[5], err(/^Permission denied: at most 4/)]],
    bad: () => [[[2_000_000_000], err(/at most/)]],
  },
  "random-range": {
    works: () => [[[3, 4], ok(3)]],
    denied: () => [[[0, 11], err(/^Permission denied: numbers above 10/)]],
    bad: () => [[[5, 5], err(/^the range is empty/)]],
  },
  "random-float": { works: () => [[[], ok(number)]], bad: NO_INPUT },
  "generate-uuid": {
    works: () => [[[], ok(expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/))]],
    bad: NO_INPUT,
  },
};

const environment: ImportRows = {
  "get-var": {
    works: () => [[["REGION"], "eu"]],
    denied: () => [[["REGION"], null]],
    bad: () => [[["=\u0000"], null]],
  },
  "list-vars": {
    works: () => [[[], [["REGION", "eu"]]]],
    denied: () => [[[], []]],
    bad: NO_INPUT,
  },
  exists: {
    works: () => [[["REGION"], true]],
    denied: () => [[["REGION"], false]],
    bad: () => [[["=\u0000"], false]],
  },
};

const FILESYSTEM = "theater:simple/filesystem";
const OUTSIDE = err(/^Permission denied: the path elsewhere is not in allowed_paths/);
const NO_COMMANDS: ImportRow = {
  works: () => [],
  bad: "all input gives the same error",
};

const filesystem: ImportRows = {
  "read-file": {
    works: () => [[["a"], ok(bytes("hello"))]],
    denied: () => [[["elsewhere"], OUTSIDE]],
    bad: () => [
      [["../a"], err(/^bad-path/)],
      [["none"], err(/^not-found/)],
    ],
  },
  "write-file": {
    works: () => [
      [["b", "new"], ok(null)],
      [["b"], ok(bytes("new")), `${FILESYSTEM}#read-file`],
    ],
    denied: () => [[["elsewhere", ""], OUTSIDE]],
    bad: () => [
      [["/b", ""], err(/^bad-path/)],
      [["d", ""], err(/^is-folder/)],
    ],
  },
  "list-files": {
    works: () => [[["."], ok(["a", "b", "d"])]],
    denied: () => [[["elsewhere"], OUTSIDE]],
    bad: () => [[["a"], err(/^not-folder/)]],
  },
  "delete-file": {
    works: () => [
      [["b"], ok(null)],
      [["b"], ok(false), `${FILESYSTEM}#path-exists`],
    ],
    denied: () => [[["elsewhere"], OUTSIDE]],
    bad: () => [[["d"], err(/^is-folder/)]],
  },
  "create-dir": {
    works: () => [
      [["e/f"], ok(null)],
      [["e"], ok(["f"]), `${FILESYSTEM}#list-files`],
    ],
    denied: () => [[["elsewhere"], OUTSIDE]],
    bad: () => [[["a/b"], err(/^not-folder/)]],
  },
  "delete-dir": {
    works: () => [
      [["e"], ok(null)],
      [["e"], ok(false), `${FILESYSTEM}#path-exists`],
    ],
    denied: () => [[["elsewhere"], OUTSIDE]],
    bad: () => [[["."], err(/^bad-path/)]],
  },
  "path-exists": {
    works: () => [[["a"], ok(true)]],
    denied: () => [[["elsewhere"], OUTSIDE]],
    bad: () => [[["a/../b"], err(/^bad-path/)]],
  },
  "execute-command": {
    ...NO_COMMANDS,
    works: () => [[[".", "ls", ["-l"]], err(/^unsupported: .*no processes/)]],
  },
  "execute-nix-command": {
    ...NO_COMMANDS,
    works: () => [[[".", "ls"], err(/^unsupported: .*no processes/)]],
  },
};

const NO_PROCESSES = err(/^unsupported: .*no processes/);
const CONFIG = {
  program: "ls",
  args: ["-l"],
  cwd: null,
  env: [["A", "b"]],
  "buffer-size": 1,
  "stdout-mode": "raw",
  "stderr-mode": "line-by-line",
  "chunk-size": 3,
  "execution-timeout": 60,
};
const noProcess = (...args: unknown[]): ImportRow => ({
  works: () => [[args, NO_PROCESSES]],
  bad: "all input gives the same error",
});

const process: ImportRows = {
  "os-spawn": noProcess(CONFIG),
  "os-write-stdin": noProcess(1, bytes("x")),
  "os-status": noProcess(1),
  "os-signal": noProcess(1, 9),
  "os-kill": noProcess(1),
};

const get = (uri: string, more: object = {}) => [
  { method: "GET", uri, headers: [], body: null, ...more },
];

const httpClient: ImportRows = {
  "send-http": {
    works: ({ origin }) => [
      [get(`${origin}/echo/conformance`, { headers: [["x-key", "v"]] }), ok(some({ status: 200 }))],
    ],
    denied: ({ origin, elsewhere }) => [
      [get(elsewhere), err(/^Permission denied: .* is not in allowed_hosts/)],
      [get(origin, { method: "POST", body: bytes("x") }), err(/^Permission denied: POST/)],
    ],
    bad: ({ origin }) => [
      [get("ftp://127.0.0.1/"), err(/^bad-request/)],
      [get(origin, { method: "BREW" }), err(/^bad-request/)],
      [get(origin, { headers: [["a", "b\r\nc: d"]] }), err(/^bad-request/)],
    ],
  },
};

const HOUR_MS = 3_600_000;

const timers: ImportRows = {
  schedule: {
    works: () => [
      [["later", { after: HOUR_MS }, bytes("[]")], ok(number)],
      [["daily", { cron: "0 9 * * mon-fri" }, ""], ok(number)],
      [["now", { at: 0 }, bytes('[["log","fired"]]')], ok(number)],
    ],
    bad: () => [
      [["x", { cron: "every day" }, ""], err(/./)],
      [["x", { every: 0 }, ""], err(/./)],
      [["", { after: 1 }, ""], err(/./)],
    ],
  },
  cancel: {
    works: () => [[["later"], true]],
    bad: () => [[["no such"], false]],
  },
  list: {
    works: () => [[[], expect.arrayContaining([some({ name: "daily" })])]],
    bad: NO_INPUT,
  },
};

const ID = expect.stringMatching(/^[a-z2-7]{32}$/) as unknown;
const NOT_A_CHILD = err(/^not-a-child: /);

const born = (state: string | null): ImportRow => ({
  works: ({ manifest }) => [[[manifest, state], ok(ID)]],
  bad: ({ greedy }) => [
    [["name = 1", state], err(/^bad-manifest/)],
    [[greedy, state], err(/^not-granted/)],
  ],
});

const supervisor: ImportRows = {
  spawn: born(null),
  resume: born(bytes('{"kept":1}')),
  "list-children": {
    works: ({ children }) => [[[], expect.arrayContaining([...children])]],
    bad: NO_INPUT,
  },
  "stop-child": {
    works: ({ children: [id] }) => [[[id], ok(null)]],
    bad: ({ peer }) => [[[peer.id], NOT_A_CHILD]],
  },
  "restart-child": {
    works: ({ children: [, id] }) => [[[id], ok(null)]],
    bad: ({ peer }) => [[[peer.id], NOT_A_CHILD]],
  },
  "get-child-state": {
    works: ({ children: [, id] }) => [[[id], ok(bytes('{"told":[]}'))]],
    bad: ({ peer }) => [[[peer.id], NOT_A_CHILD]],
  },
  "get-child-events": {
    works: ({ children: [, id] }) => [
      [[id], ok(expect.arrayContaining([some({ "event-type": "actor.created" })]))],
    ],
    bad: ({ peer }) => [[[peer.id], NOT_A_CHILD]],
  },
};

const byInterface: Readonly<Record<string, ImportRows>> = {
  "theater:simple/runtime": runtime,
  "theater:simple/message-server-host": messages,
  "theater:simple/store": storeRows,
  "theater:simple/timing": timing,
  "theater:simple/random": random,
  "theater:simple/environment": environment,
  "theater:simple/filesystem": filesystem,
  "theater:simple/process": process,
  "theater:simple/http-client": httpClient,
  "theater:simple/http-framework": httpFramework,
  "theater:edge/timers": timers,
  "theater:edge/websockets": websockets,
  [STREAM]: httpStream,
  "theater:simple/supervisor": supervisor,
};

/** By `interface#function`. */
export const IMPORT_ROWS: ReadonlyMap<string, ImportRow> = new Map(
  Object.entries(byInterface).flatMap(([name, rows]) =>
    Object.entries(rows).map(([fn, row]) => [`${name}#${fn}`, row] as const),
  ),
);
