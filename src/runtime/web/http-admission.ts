// HTTP requests as turns: one for each middleware above the path, in order, then one for the route. Each is
// recorded like any message, and the answer leaves when the last one is on disk.
//
// Rule: like a `request` it is volatile until its first turn has ended. With an Idempotency-Key a repetition
// goes on behind the newest turn that ended, and repeats none.

import { Link, type Value } from "../../chain/value.ts";
import { decodePayload } from "../../chain/payload.ts";
import { HANDLE_HTTP, HANDLE_MIDDLEWARE } from "../../handlers/exports.ts";
import { siteGrant, type HttpFrameworkGrant } from "../../handlers/http-framework.ts";
import { fitsOne, planOf, type Plan } from "../../handlers/http-plan.ts";
import {
  problemOfRequest,
  readResponse,
  responseOf,
  type GuestRequest,
  type MiddlewareResult,
} from "../../handlers/http-response.ts";
import { headersFor, PARAMETER } from "../../handlers/request-headers.ts";
import { concat, fromUtf8 } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { RecordedError } from "../answers.ts";
import type { Admission } from "../mail/admission.ts";
import {
  keyReused,
  messageKey,
  PUBLIC,
  type Idempotency,
  type MessageKey,
} from "../mail/idempotency.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import { newMessage } from "../mail/new-message.ts";
import { settledEnd } from "../mail/turn-outcome.ts";
import type { EventRef, HttpInput, HttpReply } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { Message } from "../turn/turn-parts.ts";
import type { TurnEnd } from "../turn/turn.ts";
import type { CurrentVersion } from "../upgrade/version.ts";
import type { SiteRows } from "./site-rows.ts";
import { StreamVisitor } from "./stream-visitor.ts";

export interface HttpAdmissionParts {
  journal: Journal;
  history: History;
  cell: Cell;
  mailbox: Mailbox;
  idempotency: Idempotency;
  content: Blocks;
  version: CurrentVersion;
  site: SiteRows;
  /** Of the genesis: it keys what is hashed. */
  salt: Uint8Array;
  admission: Admission;
  run: () => void;
  endOfOpenTurn: () => Promise<TurnEnd>;
}

/** The turns that a request takes, and how it looks to the first. */
interface Course {
  handlers: readonly number[];
  /** Of the route's turn. */
  kind: "http" | "http-read" | "http-stream";
  /** Where the response leaves while the route's turn runs. */
  visitor: StreamVisitor | undefined;
  request: GuestRequest;
  key: MessageKey | null;
}

/** Where the last turn of a request ended, and what it gave besides the state. */
interface Reached {
  value: Value;
  event: EventRef;
}

export class HttpAdmission {
  readonly #parts: HttpAdmissionParts;
  /** Requests with a key that are on their way: a repetition waits for the same answer. */
  readonly #attached = new Map<string, { digest: string; reply: Promise<HttpReply> }>();

  constructor(parts: HttpAdmissionParts) {
    this.#parts = parts;
  }

  async take(input: HttpInput): Promise<HttpReply> {
    return await this.#parts.admission.whileDown(() => this.#take(input));
  }

  get #grant(): HttpFrameworkGrant {
    return siteGrant(this.#parts.version.now.permissions.held["http-framework"]);
  }

  async #take(input: HttpInput): Promise<HttpReply> {
    if (input.principal === PUBLIC && this.#grant.public !== true) {
      throw new TheaterError("unauthorized", "Send the token as `Authorization: Bearer <token>`.");
    }
    const key = keyOf(input);
    const course = this.#courseOf(input, key);
    if (key === null) return await this.#begin(course, input);
    const { idempotency, cell } = this.#parts;
    const known = idempotency.find("http", key);
    if (known !== undefined) return await this.#goOn(course, known);
    const name = JSON.stringify([key.principal, key.key]);
    const running = this.#attached.get(name);
    if (running !== undefined) {
      if (running.digest === key.digest) return await running.reply;
      throw keyReused(key);
    }
    const open = cell.get("openTurn")?.key;
    const isOpen = open?.principal === key.principal && open.key === key.key;
    if (isOpen && open.digest !== key.digest) throw keyReused(key);
    const work = isOpen ? this.#afterOpenTurn(course, key) : this.#begin(course, input);
    const reply = work.finally(() => this.#attached.delete(name));
    this.#attached.set(name, { digest: key.digest, reply });
    return await reply;
  }

  /** Throws `not-found`, and `wrong-method` with what is allowed as its evidence. */
  #courseOf(input: HttpInput, key: MessageKey | null): Course {
    const { site, salt, admission } = this.#parts;
    const { method, path, query, body } = input;
    // Whether it runs at all comes first: an actor that is down has no routes to tell of.
    admission.check(HANDLE_HTTP, body, this.#grant.maxRequestBytes ?? 0);
    const plan = this.#grant.catchAll === true ? CATCH_ALL : planOf(site.table, method, path);
    if (!plan.found) {
      const allow = plan.allow.filter((each) => each !== "");
      if (allow.length === 0) throw new TheaterError("not-found", "The actor has no such route.");
      const message = `This route takes ${allow.join(", ")}.`;
      throw new TheaterError("wrong-method", message, { allow });
    }
    const { host, proto, prefix } = input.forwarded;
    const headers = [
      ["x-forwarded-host", host] as const,
      ["x-forwarded-proto", proto] as const,
      ...(prefix === "" ? [] : [["x-forwarded-prefix", prefix] as const]),
      ...headersFor(input.headers, { ...this.#grant, salt }),
      ...plan.parameters.map(([name, value]) => [`${PARAMETER}${name}`, value] as const),
    ];
    const request: GuestRequest = {
      method,
      uri: `${path}${query}`,
      headers,
      body: body.length === 0 ? null : [body],
    };
    const kind = this.#kindOf(method, path);
    if (kind === "http-stream" && key !== null) {
      const message = "Ask without Idempotency-Key: what a stream said is not said again.";
      throw new TheaterError("bad-request", message);
    }
    const { journal } = this.#parts;
    const visitor = kind === "http-stream" ? new StreamVisitor(() => journal.onDisk()) : undefined;
    return { handlers: plan.handlers, kind, visitor, request, key };
  }

  #kindOf(method: string, path: string): Course["kind"] {
    const { readOnly = [], stream = [] } = this.#grant;
    const isSafe = method === "GET" || method === "HEAD";
    if (isSafe && fitsOne(readOnly, path)) return "http-read";
    return method !== "HEAD" && fitsOne(stream, path) ? "http-stream" : "http";
  }

  async #begin(course: Course, { body }: HttpInput): Promise<HttpReply> {
    const { admission } = this.#parts;
    admission.check(HANDLE_HTTP, body, this.#grant.maxRequestBytes ?? 0);
    const { request, visitor } = course;
    const walk = this.#walk(course, { at: 0, request }).then((reached) => this.#replyOf(reached));
    if (visitor === undefined) return await walk;
    walk.then(
      () => visitor.end(true),
      () => visitor.end(false),
    );
    return await Promise.race([visitor.reply, walk]);
  }

  /** Runs the turns from `at` on. Nothing else has its turn between two of them. */
  async #walk(
    course: Course,
    from: { at: number; request: GuestRequest; before?: Reached },
  ): Promise<Reached> {
    const { mailbox, run } = this.#parts;
    const { promise, resolve, reject: failed } = Promise.withResolvers<TurnEnd>();
    const step = ({ at, request, before }: typeof from): void => {
      const message = this.#messageAt(course, { at, request, ...(before && { before }) });
      const done = (end: TurnEnd): void => {
        const reached = end.kind === "committed" ? { value: end.result, event: end.event } : null;
        const next = reached === null ? undefined : proceeding(reached.value);
        if (reached === null || next === undefined) resolve(end);
        else step({ at: at + 1, request: next, before: reached });
      };
      if (before === undefined) mailbox.put(message, { done, failed });
      else mailbox.putNext(message, { done, failed });
    };
    step(from);
    run();
    const { result, event } = settledEnd(await promise);
    return { value: result, event };
  }

  #messageAt(
    { handlers, kind: ofRoute, visitor, key }: Course,
    { at, request, before }: { at: number; request: GuestRequest; before?: Reached },
  ): Message {
    // Routes may have changed since the request came in; its last turn is the route's in any case.
    const isLast = at >= handlers.length - 1;
    const handler = handlers[isLast ? handlers.length - 1 : at];
    assert(handler !== undefined, "a request has a handler");
    const [kind, about] = isLast
      ? ([ofRoute, HANDLE_HTTP] as const)
      : (["http-middleware", HANDLE_MIDDLEWARE] as const);
    const params: Value = [handler, { ...request }];
    const sender = { from: "external", body: NO_BODY };
    const message = newMessage(kind, about, sender, params);
    const id = at === 0 ? message.id : `${message.id}/${at}`;
    return {
      ...message,
      id,
      key,
      ...(isLast && visitor !== undefined && { visitor }),
      cause: before === undefined ? null : this.#causeOf(before.event),
    };
  }

  #causeOf({ seq }: EventRef): Message["cause"] {
    const { journal } = this.#parts;
    const [entry] = journal.entries(seq, 1);
    assert(entry !== undefined, `event ${seq} is in the journal`);
    return { actor: journal.actor, seq, event: new Link("dag-cbor", entry.cid) };
  }

  async #afterOpenTurn(course: Course, key: MessageKey): Promise<HttpReply> {
    const end = await this.#parts.endOfOpenTurn();
    return await this.#goOn(course, this.#parts.idempotency.find("http", key) ?? end.event.seq);
  }

  /** From the recorded end at `seq`: the answer, or the turns that the request has not had yet. */
  async #goOn(course: Course, seq: number): Promise<HttpReply> {
    const { journal, content, admission } = this.#parts;
    const isErased = journal.about(seq)?.isErased === true;
    const committed = isErased ? undefined : journal.payload(seq, "turn.committed");
    if (committed === undefined) {
      await admission.outcomeOf(seq); // throws what became of it
      throw new TheaterError("internal", "a turn that did not commit has an error");
    }
    const value = await content.resolve(committed.result);
    const reached = { value, event: journal.ref(seq) };
    const request = proceeding(value);
    if (request === undefined) return this.#replyOf(reached);
    const at = (await this.#placeOf(committed.message)) + 1;
    this.#parts.admission.check(HANDLE_HTTP, NO_BODY);
    return this.#replyOf(await this.#walk(course, { at, request, before: reached }));
  }

  /** Which of its request's turns a recorded message began, from 0. */
  async #placeOf(message: number): Promise<number> {
    for await (const { payload } of this.#parts.history.events(message, message)) {
      if (payload.block === null) break;
      const { id } = decodePayload("message.received", payload.block);
      return Number(id.split("/")[1] ?? 0);
    }
    throw new TheaterError("wrong-state", "The request was erased while it was on its way.");
  }

  #replyOf({ value, event }: Reached): HttpReply {
    const [given] = value as readonly [Value];
    const result = given as unknown as MiddlewareResult | { status: number };
    const stuck = "proceed" in result && result.proceed ? problemOfRequest(result.request) : null;
    if (stuck != null) {
      const message = `The request cannot go on as the actor's middleware changed it: ${stuck}.`;
      throw new RecordedError({ code: "bad-response", message, event });
    }
    const response = "proceed" in result ? responseOf(result) : given;
    const read = readResponse(response, this.#grant.maxResponseBytes ?? 0);
    if (!("problem" in read)) return { ...read, event };
    const message = `The actor's response cannot be sent: ${read.problem}.`;
    throw new RecordedError({ code: "bad-response", message, event });
  }
}

/** Of a standard component, which takes all methods and makes out the path itself. */
const CATCH_ALL: Plan = { found: true, handlers: [0], parameters: [] };

const NO_BODY = new Uint8Array(0);

/** The request as a middleware hands it on; undefined where the answer is there. */
function proceeding(value: Value): GuestRequest | undefined {
  const [given] = value as readonly [Value];
  if (typeof given !== "object" || given === null || !("proceed" in given)) return undefined;
  const { proceed, request } = given as unknown as MiddlewareResult;
  return proceed && problemOfRequest(request) === undefined ? request : undefined;
}

/** A repetition is the same request: method, path, credentials and body. */
function keyOf({ idempotency, method, path, query, headers, body }: HttpInput): MessageKey | null {
  if (idempotency === undefined) return null;
  const own = headers.filter(([name]) => CREDENTIALS.has(name.toLowerCase()));
  const about = fromUtf8(JSON.stringify([method, path, query, own.map((each) => [...each])]));
  return messageKey(idempotency, concat([about, body]));
}

/** Whoever guesses the key of another visitor does not get what that one was told. */
const CREDENTIALS: ReadonlySet<string> = new Set(["authorization", "cookie"]);
