// What comes in on WebSockets: a visitor opens one, says something, and goes. Opening takes the turns of the
// middlewares above the path and one of its own; each frame is a message, and the end of a connection is another.
//
// Rule: a frame is volatile until its turn has ended, like a request, and has no answer but what the guest says. What
// cannot be taken ends the connection with a code that says why: no frame is left out in silence.

import { Link, type Value } from "../../chain/value.ts";
import {
  HANDLE_MIDDLEWARE,
  HANDLE_SOCKET_MESSAGE,
  HANDLE_SOCKET_OPEN,
} from "../../handlers/exports.ts";
import { siteGrant, type HttpFrameworkGrant } from "../../handlers/http-framework.ts";
import { socketPlanOf, type SocketPlan } from "../../handlers/http-plan.ts";
import {
  problemOfRequest,
  readResponse,
  responseOf,
  type GuestRequest,
  type MiddlewareResult,
} from "../../handlers/http-response.ts";
import { headersFor, PARAMETER } from "../../handlers/request-headers.ts";
import { bytesIn, messageOf, type Frame } from "../../handlers/socket-message.ts";
import { assert, ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import { RecordedError } from "../answers.ts";
import type { Admission } from "../mail/admission.ts";
import type { ChannelAdmission } from "../mail/channel-admission.ts";
import { PUBLIC } from "../mail/idempotency.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import { newMessage } from "../mail/new-message.ts";
import { settledEnd } from "../mail/turn-outcome.ts";
import type { EventRef } from "../protocol.ts";
import type { Journal } from "../record/journal.ts";
import type { Message } from "../turn/turn-parts.ts";
import type { TurnEnd } from "../turn/turn.ts";
import type { CurrentVersion } from "../upgrade/version.ts";
import type { SiteRows } from "../web/site-rows.ts";
import { CLOSED, isSendableCode, type Closing } from "./close-codes.ts";
import { SOCKETS_MAX, type Connections, type SocketHost } from "./connections.ts";
import { ChannelSockets } from "./channel-sockets.ts";
import type { ChannelUpgrade, Upgraded, UpgradeInput } from "./upgrade-request.ts";

/** Frames of one connection that wait for their turns. */
const FRAMES_WAITING_MAX = 128;
/** Frames of all connections that wait, and their bytes. A full mailbox does not count: each visitor may have one in it. */
const ALL_WAITING_MAX = 10_000;
const BYTES_WAITING_MAX = 16 * 1024 * 1024;

interface SocketAdmissionParts {
  journal: Journal;
  mailbox: Mailbox;
  version: CurrentVersion;
  site: SiteRows;
  connections: Connections;
  host: SocketHost;
  /** Of the genesis: it keys what is hashed. */
  salt: Uint8Array;
  admission: Admission;
  channelAdmission: ChannelAdmission;
  run: () => void;
}

const EXTERNAL = { from: "external", body: new Uint8Array(0) };

export class SocketAdmission {
  readonly #parts: SocketAdmissionParts;
  readonly #channels: ChannelSockets;
  /** Frames that wait, by connection. */
  readonly #waiting = new Map<number, number>();
  #allWaiting = 0;
  #bytesWaiting = 0;

  constructor(parts: SocketAdmissionParts) {
    this.#parts = parts;
    this.#channels = new ChannelSockets(parts);
  }

  get #grant(): HttpFrameworkGrant {
    return siteGrant(this.#parts.version.now.permissions.held["http-framework"]);
  }

  /** Throws what refuses the upgrade, or what became of its turn. */
  async open(input: UpgradeInput | ChannelUpgrade): Promise<Upgraded> {
    return await this.#parts.admission.whileDown(async () =>
      "isChannel" in input ? this.#channels.open(input) : await this.#open(input),
    );
  }

  async #open(input: UpgradeInput): Promise<Upgraded> {
    const plan = this.#planOf(input);
    const { connections, host } = this.#parts;
    const { server, entry } = plan;
    const [client, socket] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const [keepalive] = this.#grant.keepalive ?? [];
    host.setWebSocketAutoResponse(
      keepalive === undefined ? undefined : new WebSocketRequestResponsePair(keepalive, keepalive),
    );
    const { id, end } = connections.begin({ server, path: entry.path, channel: null, socket });
    try {
      const reached = await this.#walk(plan, input, id);
      if (reached !== null && "stopped" in reached) return this.#replyOf(reached.stopped);
      if (reached === null) this.#openWithoutTurn(id);
      return { webSocket: client, event: reached?.event ?? null };
    } finally {
      end();
    }
  }

  #planOf({ path, principal, headers }: UpgradeInput): SocketPlan {
    const { admission, site, connections } = this.#parts;
    const { public: isPublic, origins = [] } = this.#grant;
    if (principal === PUBLIC && isPublic !== true) {
      throw new TheaterError("unauthorized", "Send the token: docs/http.md says how.");
    }
    admission.check(HANDLE_SOCKET_OPEN, EXTERNAL.body);
    const plan = socketPlanOf(site.table, path);
    if (plan === undefined) {
      throw new TheaterError("not-found", "The actor has no WebSocket at this path.");
    }
    const origin = headers.find(([name]) => name.toLowerCase() === "origin")?.[1];
    // Without one it is no browser, and no page's visitor is behind it.
    if (origin !== undefined && !origins.includes("*") && !origins.includes(origin)) {
      throw new TheaterError("forbidden", "Pages of this origin may not open it: see `origins`.");
    }
    if (connections.count >= SOCKETS_MAX) {
      const message = `${SOCKETS_MAX} WebSockets are open already: come again later.`;
      throw new TheaterError("unavailable", message, { limit: SOCKETS_MAX });
    }
    return plan;
  }

  /** Where there is no handler to ask it opens at once; the row says so. */
  #openWithoutTurn(id: number): void {
    const { journal, connections } = this.#parts;
    journal.transaction(() => {
      connections.spend(id);
      connections.open(id);
    });
  }

  /** Runs the turns, with nothing between two of them. Null where none was needed. */
  async #walk(
    { middlewares, entry, parameters }: SocketPlan,
    input: UpgradeInput,
    id: number,
  ): Promise<{ event: EventRef } | { stopped: Stopped } | null> {
    const { mailbox, run } = this.#parts;
    const { promise, resolve, reject: failed } = Promise.withResolvers<Walked>();
    const step = (at: number, request: GuestRequest, before: EventRef | null): void => {
      const handler = middlewares[at];
      if (handler === undefined && entry.connect === null) return resolve({ before });
      const message =
        handler === undefined
          ? this.#opening(entry.connect, id, input)
          : newMessage("http-middleware", HANDLE_MIDDLEWARE, EXTERNAL, [handler, { ...request }]);
      const done = (end: TurnEnd): void => {
        if (handler === undefined || end.kind !== "committed") return resolve({ end });
        const [given] = end.result as unknown as readonly [MiddlewareResult];
        const isStuck = !given.proceed || problemOfRequest(given.request) !== undefined;
        if (isStuck) resolve({ stopped: { given, event: end.event } });
        else step(at + 1, given.request, end.event);
      };
      const caused = { ...message, cause: before === null ? null : this.#causeOf(before) };
      if (before === null) mailbox.put(caused, { done, failed });
      else mailbox.putNext(caused, { done, failed });
    };
    step(0, this.#requestOf(input, parameters), null);
    run();
    const walked = await promise;
    if ("stopped" in walked) return walked;
    return "end" in walked ? { event: settledEnd(walked.end).event } : null;
  }

  /** As the middlewares see it. */
  #requestOf(
    { path, query, headers, forwarded }: UpgradeInput,
    parameters: SocketPlan["parameters"],
  ): GuestRequest {
    const { host, proto, prefix } = forwarded;
    const all = [
      ["x-forwarded-host", host] as const,
      ["x-forwarded-proto", proto] as const,
      ...(prefix === "" ? [] : [["x-forwarded-prefix", prefix] as const]),
      ["upgrade", "websocket"] as const,
      ...headersFor(headers, { ...this.#grant, salt: this.#parts.salt }),
      ...parameters.map(([name, value]) => [`${PARAMETER}${name}`, value] as const),
    ];
    return { method: "GET", uri: `${path}${query}`, headers: all, body: null };
  }

  #opening(handler: number | null, id: number, { path, query }: UpgradeInput): Message {
    const asked = query === "" ? null : [query.slice(1)];
    const params: Value[] = [handler, id, path, asked];
    return newMessage("websocket-open", HANDLE_SOCKET_OPEN, EXTERNAL, params);
  }

  #causeOf({ seq }: EventRef): Message["cause"] {
    const { journal } = this.#parts;
    const [entry] = journal.entries(seq, 1);
    assert(entry !== undefined, `event ${seq} is in the journal`);
    return { actor: journal.actor, seq, event: new Link("dag-cbor", entry.cid) };
  }

  /** A middleware has answered in its place. */
  #replyOf({ given, event }: Stopped): Upgraded {
    const response = responseOf(given);
    const isStuck = given.proceed;
    const read = isStuck
      ? { problem: problemOfRequest(given.request) ?? "" }
      : readResponse(response, this.#grant.maxResponseBytes ?? 0);
    if (!("problem" in read)) return { reply: { ...read, event } };
    const message = `The actor's response cannot be sent: ${read.problem}.`;
    throw new RecordedError({ code: "bad-response", message, event });
  }

  /** Resolves when the frame's turn has ended, so that the object is not put to sleep before. */
  async message(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const { connections } = this.#parts;
    const id = connections.idOf(socket);
    const connection = connections.find(id);
    if (connection === undefined) return; // closed by the host already: it is on its way to be told
    const frame: Frame = typeof data === "string" ? data : new Uint8Array(data);
    if (connection.channel !== null) return await this.#channels.message(id, frame);
    const handlers = connections.handlersOf(connection);
    if (handlers === undefined) return connections.drop(id, CLOSED.unserved);
    const refusal = this.#refusalOf(id, frame);
    if (refusal !== undefined) return connections.drop(id, refusal);
    await this.#turnOf(id, handlers.message, frame);
  }

  async #turnOf(id: number, handler: number, frame: Frame): Promise<void> {
    const { mailbox, run, connections } = this.#parts;
    const bytes = bytesIn(frame);
    const params = [handler, id, messageOf(frame)];
    const message = newMessage("websocket", HANDLE_SOCKET_MESSAGE, EXTERNAL, params);
    const { promise, resolve, reject: failed } = Promise.withResolvers<void>();
    this.#count(id, 1, bytes);
    try {
      mailbox.put(message, { done: () => resolve(), failed });
      run();
      await promise;
    } catch {
      // Nothing of it is on record: who sent it must not think that it came.
      connections.drop(id, CLOSED.unrecorded);
    } finally {
      this.#count(id, -1, -bytes);
    }
  }

  #count(id: number, frames: number, bytes: number): void {
    const waiting = (this.#waiting.get(id) ?? 0) + frames;
    if (waiting === 0) this.#waiting.delete(id);
    else this.#waiting.set(id, waiting);
    this.#allWaiting += frames;
    this.#bytesWaiting += bytes;
  }

  /** Why a frame is not taken; undefined if it is. */
  #refusalOf(id: number, frame: Frame): Closing | undefined {
    const { admission, version } = this.#parts;
    const bytes = bytesIn(frame);
    if (bytes > version.now.limits.messageBytes) return CLOSED.tooLarge;
    const isFull =
      this.#allWaiting >= ALL_WAITING_MAX || this.#bytesWaiting + bytes > BYTES_WAITING_MAX;
    if (isFull || (this.#waiting.get(id) ?? 0) >= FRAMES_WAITING_MAX) return CLOSED.busy;
    try {
      admission.check(HANDLE_SOCKET_MESSAGE, EXTERNAL.body);
      return undefined;
    } catch (thrown) {
      const { code } = ensureTheaterError(thrown);
      if (code === "busy") return undefined;
      if (code === "unavailable") return CLOSED.busy;
      return code === "wrong-state" ? CLOSED.stopped : CLOSED.unrecorded;
    }
  }

  /** The other end has closed it with this code, which it gets back, or is gone. */
  closed(socket: WebSocket, code: number = CLOSED.lost.code): void {
    const { connections } = this.#parts;
    const given = code === NO_CODE ? NORMAL : code;
    const answer = isSendableCode(given) ? { code: given, reason: "" } : CLOSED.lost;
    connections.drop(connections.idOf(socket), answer);
  }
}

const NORMAL = 1000;
/** What stands for a close without one (RFC 6455 section 7.1.5). */
const NO_CODE = 1005;

interface Stopped {
  given: MiddlewareResult;
  event: EventRef;
}

type Walked = { stopped: Stopped } | { end: TurnEnd } | { before: EventRef | null };
