// One row for each function that a host calls: what starts its turn, what an actor without the grant says, what
// of its input is refused, and how the turn is on record.

import { expect, inject } from "vitest";
import type { Answer } from "../../src/runtime/protocol.ts";
import { fromBase64, fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { must, Probe, theater, until, type Told } from "../runtime/stage.ts";
import { startTools, tools } from "../runtime/tools.ts";
import { counting, migrating, upgrade } from "../runtime/versions.ts";
import { httpActor, httpRequest, REQUEST_BYTES } from "./http-rows.ts";
import { closedFor, socketActor, upgradeTo } from "./socket-rows.ts";
import { turn, type Scene } from "./scene.ts";
import type { Column } from "./table.ts";

/** Each fills a cell, or says in a test's words what is wrong. */
export type ExportRow = Readonly<Record<Column, (at: Scene) => Promise<string>>>;

const HOST = "theater:simple/message-server-host";
const CLIENT = "theater:simple/message-server-client";

/** The code of a refusal, which a caller counts on. */
function refusal(answer: Answer<unknown>): string {
  if (answer.ok) throw new Error("it was not refused");
  return `\`${answer.error.code}\``;
}

/** An actor of the C component that exports the interface, with the runtime alone. */
async function withoutGrant(): Promise<Probe> {
  const { component } = must(
    await theater.upload(fromBase64(inject("components")["tiny"] ?? "") ?? new Uint8Array(0)),
  );
  const manifest = { name: "tiny", version: "1", component, handler: [{ type: "runtime" }] };
  const parts = { initState: null, parent: null, principal: "tester" };
  return new Probe(must(await theater.start({ manifest, ...parts })).id);
}

const MESSAGE_BYTES = 1_000;

const message = (length: number) => ({
  body: fromUtf8(`[["log","${"x".repeat(length)}"]]`),
  from: "external",
});

/** The first message of a kind, and the end of its turn. */
async function turnOf(
  actor: Probe,
  kind: string,
  of?: string,
): Promise<{ received: Told; end: Told }> {
  let found: { received: Told; end: Told } | undefined;
  await until(async () => {
    const events = await actor.events();
    const received = events.find(
      ({ type, about, fields }) =>
        type === "message.received" &&
        about === kind &&
        (of === undefined || fields["from"] === of),
    );
    const end = events.find(
      ({ type, fields }) => type.startsWith("turn.") && fields["message"] === received?.seq,
    );
    if (received !== undefined && end !== undefined) found = { received, end };
    return found !== undefined;
  });
  if (found === undefined) throw new Error(`no turn of a ${kind}`);
  return found;
}

/** The message with its parameters and the end of its turn, by their types. */
async function onRecord(actor: Probe, kind: string, params: unknown): Promise<string> {
  const { received, end } = await turnOf(actor, kind);
  expect(received.fields).toMatchObject({ kind, params });
  expect(end.type).toBe("turn.committed");
  return `${received.type}, ${end.type}`;
}

const init: ExportRow = {
  works: async ({ called }) => {
    expect((await turnOf(called, "lifecycle")).end.type).toBe("turn.committed");
    return "yes";
  },
  "refused without grant": async () =>
    `start: ${refusal(await startTools({}, { without: "runtime" }))}`,
  "bad input": async () => {
    const answer = await startTools({}, { initState: fromUtf8("no JSON") });
    expect(answer).toMatchObject({
      error: { message: expect.stringContaining("not JSON") as string },
    });
    return refusal(answer);
  },
  recorded: async ({ called }) => await onRecord(called, "lifecycle", [null, [called.id]]),
};

const handleSend: ExportRow = {
  works: async ({ called }) => {
    must(await theater.send(called.id, message(1)));
    expect((await turnOf(called, "send")).end.type).toBe("turn.committed");
    return "yes";
  },
  "refused without grant": async () =>
    `message: ${refusal(await theater.send((await withoutGrant()).id, message(1)))}`,
  "bad input": async () => {
    const { id } = await tools({}, { message_bytes: MESSAGE_BYTES });
    return refusal(await theater.send(id, message(MESSAGE_BYTES)));
  },
  recorded: async ({ called }) => await onRecord(called, "send", [message(1).body]),
};

const handleRequest: ExportRow = {
  works: async ({ called }) => {
    const { reply } = must(await theater.request(called.id, message(1)));
    expect(reply === null ? null : toUtf8(reply)).toBe("[null]");
    return "yes";
  },
  "refused without grant": async () =>
    `message: ${refusal(await theater.request((await withoutGrant()).id, message(1)))}`,
  "bad input": async () => {
    const { id } = await tools({}, { message_bytes: MESSAGE_BYTES });
    return refusal(await theater.request(id, message(MESSAGE_BYTES)));
  },
  recorded: async ({ called }) =>
    await onRecord(called, "request", [expect.any(String), message(1).body]),
};

/** What the actor is told that opens a channel. */
async function opening(to: Probe, length: number): Promise<string> {
  const program = btoa(toUtf8(message(length).body));
  const call = { about: `${HOST}#open-channel`, args: [to.id, program], gives: null };
  const [opened] = await turn(await tools(), [call]);
  const { err } = (opened?.gave ?? {}) as { err?: string };
  if (err === undefined) throw new Error("it was not refused");
  return `\`${err.replace(/:.*/, "")}\``;
}

const committed = async (actor: Probe, kind: string): Promise<string> => {
  expect((await turnOf(actor, kind)).end.type).toBe("turn.committed");
  return "yes";
};

/** The rows of the functions that open, use and close channels did so with this actor at the other end. */
const handleChannelOpen: ExportRow = {
  works: async ({ called }) => await committed(called, "channel-open"),
  "refused without grant": async () => `opening: ${await opening(await withoutGrant(), 1)}`,
  "bad input": async () =>
    await opening(await tools({}, { message_bytes: MESSAGE_BYTES }), MESSAGE_BYTES),
  recorded: async ({ called, channels: [id] }) =>
    await onRecord(called, "channel-open", [id, fromUtf8("[]")]),
};

const handleChannelMessage: ExportRow = {
  works: async ({ called }) => await committed(called, "channel"),
  "refused without grant": async () => "no channel without message-server",
  "bad input": async () => "none: `send-on-channel` checked it",
  recorded: async ({ called, channels: [id] }) =>
    await onRecord(called, "channel", [id, fromUtf8('[["log","said"]]')]),
};

const handleChannelClose: ExportRow = {
  works: async ({ called }) => await committed(called, "channel-close"),
  "refused without grant": async () => "no channel without message-server",
  "bad input": async () => "none: takes no input",
  recorded: async ({ called, channels: [, id] }) => await onRecord(called, "channel-close", [id]),
};

/** The row of `schedule` set one that was due at once. */
const handleTimer: ExportRow = {
  works: async ({ actor }) => {
    const { end } = await turnOf(actor, "timer");
    const calls = (await actor.events()).filter(({ turn }) => turn === end.turn);
    expect(calls.map(({ about }) => about)).toContain("theater:simple/runtime#log");
    return "yes";
  },
  "refused without grant": async () => "no timer without timers",
  "bad input": async () => "none: `schedule` checked it",
  recorded: async ({ actor }) =>
    await onRecord(actor, "timer", ["now", fromUtf8('[["log","fired"]]')]),
};

/** One request has a turn of each: the middleware's, and then the route's. */
function handleHttp(kind: "http" | "http-middleware"): ExportRow {
  return {
    works: async () => await committed(await httpActor(), kind),
    "refused without grant": async () =>
      `message: ${refusal(await theater.http((await withoutGrant()).id, httpRequest("/")))}`,
    "bad input": async () =>
      refusal(await theater.http((await httpActor()).id, httpRequest("/", REQUEST_BYTES + 1))),
    recorded: async () => {
      const request = { method: "POST", uri: "/x", body: [fromUtf8("x")] };
      return await onRecord(await httpActor(), kind, [2, expect.objectContaining(request)]);
    },
  };
}

/** A connection was opened, said something and was closed: a turn of each. */
function handleSocket(kind: string, params: unknown, bad: () => Promise<string>): ExportRow {
  return {
    works: async () => await committed(await socketActor(), kind),
    "refused without grant": async () => {
      const { id } = await withoutGrant();
      return `upgrade: ${refusal(await theater.openSocket(id, upgradeTo("/socket")))}`;
    },
    "bad input": bad,
    recorded: async () => await onRecord(await socketActor(), kind, params),
  };
}

const SAID = { ty: { text: null }, data: null, text: ["said"] };

const sockets = {
  "handle-websocket-connect": handleSocket("websocket-open", [2, 1, "/socket", null], async () => {
    const { id } = await socketActor();
    return `upgrade: ${refusal(await theater.openSocket(id, upgradeTo("/nowhere")))}`;
  }),
  "handle-websocket-message": handleSocket("websocket", [2, 1, SAID], closedFor),
  "handle-websocket-disconnect": handleSocket("websocket-close", [2, 1], async () =>
    Promise.resolve("none: takes no input"),
  ),
};

/** A child of the peer ends so, and the peer is told. */
function handleChild(
  name: string,
  child: (at: Scene) => Probe,
  ends: (child: Probe) => unknown,
): ExportRow {
  return {
    works: async (at) => {
      await ends(child(at));
      const { end } = await turnOf(at.peer, "child-notice", child(at).id);
      const lines = (await at.peer.events()).filter(({ turn }) => turn === end.turn);
      expect(lines.map(({ fields }) => fields["args"])).toContainEqual([`${name} ${child(at).id}`]);
      return "yes";
    },
    "refused without grant": async () => "no children without supervisor",
    "bad input": async () => "none: the host makes it",
    recorded: async (at) => {
      const { received, end } = await turnOf(at.peer, "child-notice", child(at).id);
      expect(received.fields["cause"]).toMatchObject({ actor: child(at).id });
      expect(end.type).toBe("turn.committed");
      return `${received.type}, ${end.type}`;
    },
  };
}

/** No message brings it: an upgrade calls it. */
const migrate: ExportRow = {
  works: async () => {
    const actor = await counting();
    must(await upgrade(actor, await migrating("count")));
    expect(await actor.state()).toEqual({ count: 0 });
    return "yes";
  },
  "refused without grant": async () => "no grant: an upgrade calls it",
  "bad input": async () =>
    `its own error: ${refusal(await upgrade(await counting(), await migrating("unwilling")))}`,
  recorded: async () => {
    const actor = await counting();
    const { event } = must(await upgrade(actor, await migrating("count")));
    const [upgraded, migrated] = await actor.events(event?.seq);
    expect(migrated?.fields["state"]).toEqual([fromUtf8('{"count":0}')]);
    return `${upgraded?.type}, ${migrated?.type}`;
  },
};

const SHUTDOWN = ["call", "theater:simple/runtime#shutdown", { $bytes: "bye" }];

const children = {
  "handle-child-error": handleChild(
    "error",
    ({ ends: [id] }) => new Probe(id),
    async (child) => await child.ask([["trap"]]),
  ),
  "handle-child-exit": handleChild(
    "exit",
    ({ ends: [, id] }) => new Probe(id),
    async (child) => await child.ask([SHUTDOWN]),
  ),
  "handle-child-external-stop": handleChild(
    "external stop",
    ({ ends: [, , id] }) => new Probe(id),
    async (child) => await child.change("stop"),
  ),
};

/** By `interface#function`. */
export const EXPORT_ROWS: ReadonlyMap<string, ExportRow> = new Map([
  ["theater:simple/actor#init", init],
  [`${CLIENT}#handle-send`, handleSend],
  [`${CLIENT}#handle-request`, handleRequest],
  [`${CLIENT}#handle-channel-open`, handleChannelOpen],
  [`${CLIENT}#handle-channel-message`, handleChannelMessage],
  [`${CLIENT}#handle-channel-close`, handleChannelClose],
  ["theater:edge/timers-client#handle-timer", handleTimer],
  ["theater:edge/upgrade#migrate", migrate],
  ["theater:simple/http-handlers#handle-request", handleHttp("http")],
  ["theater:simple/http-handlers#handle-middleware", handleHttp("http-middleware")],
  ...Object.entries(sockets).map(
    ([name, row]) => [`theater:simple/http-handlers#${name}`, row] as const,
  ),
  ...Object.entries(children).map(
    ([name, row]) => [`theater:simple/supervisor-handlers#${name}`, row] as const,
  ),
]);
