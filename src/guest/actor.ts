// `theater/guest`: an actor as functions from state and message to the next state. Handlers are plain,
// synchronous functions: host calls return their results, so there is nothing to await.
//
// Every turn may run in a fresh instance: what is not in the state is gone. A handler that throws refuses
// the turn: the sender gets the error's message, the state stays, the actor lives on.

// oxlint-disable-next-line typescript/triple-slash-reference -- an author's compiler finds it no other way
/// <reference path="./host.d.ts" />
import { type Body, Message, toBytes } from "./message.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** An actor whose state is a JSON value. A state of null is no state. */
export interface JsonActor<State> {
  readonly state?: "json";
  /** Called once, before any message. Without it the initial state stays as it was given. */
  readonly init?: (state: State | null, id: string) => State;
  /** A message whose sender does not wait. Returns the next state. */
  readonly onSend?: (state: State, message: Message) => State;
  /**
   * A message whose sender waits. Returns the next state and the answer. A null answer leaves the request
   * open until `respondToRequest` or `cancelRequest` is called with its id.
   */
  readonly onRequest?: (
    state: State,
    message: Message,
    requestId: string,
  ) => readonly [State, Body | null];
  /**
   * Somebody opens a channel; the message is the first on it. Returns the next state and whether the
   * channel is accepted, with words if there are any. Without it channels are refused.
   */
  readonly onChannelOpen?: (
    state: State,
    message: Message,
    channelId: string,
  ) => readonly [State, boolean | ChannelDecision];
  /** A message on a channel. Returns the next state. */
  readonly onChannelMessage?: (state: State, message: Message, channelId: string) => State;
  /** A channel was closed, but not by this actor. Returns the next state. */
  readonly onChannelClose?: (state: State, channelId: string) => State;
  /** A timer has fired; the message is its body. Returns the next state. */
  readonly onTimer?: (state: State, name: string, message: Message) => State;
  /**
   * Called by an upgrade to this component, with the state as the component before left it. Returns the state
   * in this component's form; a state that has it already is returned as it is. Calls nothing of the host.
   */
  readonly migrate?: (state: unknown) => State;
  /** A child failed. Whether it starts again is not asked here: the manifest says it. Returns the next state. */
  readonly onChildError?: (state: State, childId: string, error: ChildError) => State;
  /** A child ended itself, with what it gave to `shutdown`. Returns the next state. */
  readonly onChildExit?: (state: State, childId: string, data: Message | null) => State;
  /** Somebody other than this actor stopped a child. Returns the next state. */
  readonly onChildExternalStop?: (state: State, childId: string) => State;
}

export interface ChildError {
  /** As `wit-error-type` of `theater:simple/types` spells it: "internal", "operation-timeout"… */
  readonly type: string;
  /** What is known beyond the type, for people. */
  readonly message: string;
}

export interface ChannelDecision {
  readonly accepted: boolean;
  /** The first message on the channel, or why it is refused. */
  readonly message?: Body;
}

/** An actor whose state is bytes of its own making, or null for none. */
export interface BytesActor extends Omit<JsonActor<Uint8Array | null>, "state" | "migrate"> {
  readonly state: "bytes";
  readonly migrate?: (state: Uint8Array | null) => Uint8Array | null;
}

type Bytes = Uint8Array | null;

/** The exports of the component, by their names in WIT. */
export interface ActorExports {
  readonly actor: {
    init(state: Bytes, params: readonly [string]): [Bytes];
  };
  readonly messageServerClient: {
    handleSend(state: Bytes, params: readonly [Uint8Array]): [Bytes];
    handleRequest(state: Bytes, params: readonly [string, Uint8Array]): [Bytes, [Bytes]];
    handleChannelOpen(
      state: Bytes,
      params: readonly [string, Uint8Array],
    ): [Bytes, [{ accepted: boolean; message: Bytes }]];
    handleChannelMessage(state: Bytes, params: readonly [string, Uint8Array]): [Bytes];
    handleChannelClose(state: Bytes, params: readonly [string]): [Bytes];
  };
  readonly upgrade: {
    migrate(state: Bytes): Bytes;
  };
  readonly timersClient: {
    handleTimer(state: Bytes, params: readonly [string, Uint8Array]): [Bytes];
  };
  readonly supervisorHandlers: {
    handleChildError(
      state: Bytes,
      params: readonly [string, { readonly errorType: string; readonly data: Bytes }],
    ): [Bytes];
    handleChildExit(state: Bytes, params: readonly [string, Bytes]): [Bytes];
    handleChildExternalStop(state: Bytes, params: readonly [string]): [Bytes];
  };
}

/**
 * Makes the exports of an actor:
 * `export const { actor, messageServerClient } = defineActor({ … })`, without `messageServerClient`
 * where the manifest does not grant `message-server`, with `timersClient` where it grants `timers`, with
 * `supervisorHandlers` where it grants `supervisor` and the actor wants to hear of its children, and with
 * `upgrade` where it has `migrate`.
 */
export function defineActor(definition: BytesActor): ActorExports;
export function defineActor<State>(definition: JsonActor<State>): ActorExports;
export function defineActor(definition: BytesActor | JsonActor<unknown>): ActorExports {
  return definition.state === "bytes"
    ? makeExports(definition, BYTES)
    : makeExports(definition, JSON_STATE);
}

interface Codec<State> {
  readonly decode: (bytes: Bytes) => State;
  readonly encode: (state: State) => Bytes;
}

/** For the other modules of the SDK: how a state is kept. */
export function codecOf(state: "json" | "bytes" | undefined): Codec<unknown> {
  return state === "bytes" ? (BYTES as Codec<unknown>) : JSON_STATE;
}

function makeExports<State>(
  definition: Omit<JsonActor<State>, "state" | "migrate"> & {
    readonly migrate?: (state: State) => State;
  },
  { decode, encode }: Codec<State>,
): ActorExports {
  const { init, onSend, onRequest, onTimer, migrate } = definition;
  const { onChannelOpen, onChannelMessage, onChannelClose } = definition;
  return {
    actor: {
      init: (state, [id]) => [init === undefined ? state : encode(init(decode(state), id))],
    },
    messageServerClient: {
      handleSend(state, [message]) {
        if (onSend === undefined) throw new Error("this actor takes requests, no sends");
        return [encode(onSend(decode(state), new Message(message)))];
      },
      handleRequest(state, [requestId, message]) {
        if (onRequest === undefined) throw new Error("this actor takes sends, no requests");
        const result = onRequest(decode(state), new Message(message), requestId);
        if (!Array.isArray(result)) throw new Error(`onRequest ${wrongResult(result)}`);
        const [next, reply] = result as readonly [State, Body | null];
        return [encode(next), [reply === null ? null : toBytes(reply)]];
      },
      handleChannelOpen(state, [channel, message]) {
        if (onChannelOpen === undefined) throw new Error("this actor takes no channels");
        const result = onChannelOpen(decode(state), new Message(message), channel);
        if (!Array.isArray(result)) throw new Error(`onChannelOpen ${wrongResult(result)}`);
        const [next, decision] = result as readonly [State, boolean | ChannelDecision];
        return [encode(next), [decided(decision)]];
      },
      handleChannelMessage(state, [channel, message]) {
        if (onChannelMessage === undefined) throw new Error("this actor takes no channels");
        return [encode(onChannelMessage(decode(state), new Message(message), channel))];
      },
      handleChannelClose(state, [channel]) {
        if (onChannelClose === undefined) return [state];
        return [encode(onChannelClose(decode(state), channel))];
      },
    },
    upgrade: {
      migrate: (state) => (migrate === undefined ? state : encode(migrate(decode(state)))),
    },
    timersClient: {
      handleTimer(state, [name, body]) {
        if (onTimer === undefined) throw new Error("this actor takes no timers");
        return [encode(onTimer(decode(state), name, new Message(body)))];
      },
    },
    supervisorHandlers: makeSupervisorHandlers(definition, { decode, encode }),
  };
}

/** What is not listened to leaves the state as it is: a child's end must not become an error of its parent. */
function makeSupervisorHandlers<State>(
  {
    onChildError,
    onChildExit,
    onChildExternalStop,
  }: Pick<JsonActor<State>, "onChildError" | "onChildExit" | "onChildExternalStop">,
  { decode, encode }: Codec<State>,
): ActorExports["supervisorHandlers"] {
  return {
    handleChildError(state, [id, { errorType: type, data }]) {
      if (onChildError === undefined) return [state];
      const message = data === null ? "" : decodeUtf8(data, false);
      return [encode(onChildError(decode(state), id, { type, message }))];
    },
    handleChildExit(state, [id, data]) {
      if (onChildExit === undefined) return [state];
      const message = data === null ? null : new Message(data);
      return [encode(onChildExit(decode(state), id, message))];
    },
    handleChildExternalStop(state, [id]) {
      if (onChildExternalStop === undefined) return [state];
      return [encode(onChildExternalStop(decode(state), id))];
    },
  };
}

const BYTES: Codec<Bytes> = { decode: (bytes) => bytes, encode: bytesOf };
const JSON_STATE: Codec<unknown> = { decode: parseState, encode: formatState };

function parseState(bytes: Bytes): unknown {
  if (bytes === null) return null;
  try {
    return JSON.parse(decodeUtf8(bytes, true));
  } catch {
    throw new Error(
      "the state is not JSON: mend init_state, or define the actor with state: bytes",
    );
  }
}

function formatState(state: unknown): Bytes {
  if (state === undefined || isPromise(state)) throw new Error(`the handler ${wrongResult(state)}`);
  return state === null ? null : encodeUtf8(JSON.stringify(state));
}

function bytesOf(state: Bytes): Bytes {
  if (state === null || state instanceof Uint8Array) return state;
  throw new Error(`the handler ${wrongResult(state)}`);
}

function wrongResult(result: unknown): string {
  return isPromise(result)
    ? "is async: handlers are synchronous, and so are host calls"
    : "returned no state: return the next state, or for a request [state, reply]";
}

function isPromise(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value;
}

function decided(decision: boolean | ChannelDecision): { accepted: boolean; message: Bytes } {
  const { accepted, message } =
    typeof decision === "boolean" ? { accepted: decision } : { message: undefined, ...decision };
  return { accepted, message: message === undefined ? null : toBytes(message) };
}
