// The WebSockets of one actor: the rows, and the sockets themselves, which the platform keeps while the object
// sleeps. The only writer of the table `socket`, and of the cell's count of connections.
//
// Invariants: an id is given once and never again; a connection whose opening turn has committed ends with one
// `websocket-close` for the guest while the actor runs, whoever ended it; a row without a socket, as a crash
// leaves it, goes at the next wake-up.

import { websocketPath, type WebsocketPath } from "../../handlers/http-plan.ts";
import type { Frame } from "../../handlers/socket-message.ts";
import { toHex } from "../../lib/bytes.ts";
import { isUp } from "../../supervision/lifecycle.ts";
import { EXTERNAL, type Channels } from "../mail/channels.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { ActorStatus } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Journal } from "../record/journal.ts";
import type { SiteRows } from "../web/site-rows.ts";
import { CLOSED, reasonText, type Closing } from "./close-codes.ts";

/** Connections of one actor. The platform takes 32,768 of one object; each costs it memory. */
export const SOCKETS_MAX = 4_000;

const TABLE = `
  -- Written by Connections. WebSockets that are open, in the order in which they came.
  CREATE TABLE IF NOT EXISTS socket (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    path TEXT NOT NULL, -- as it was enabled; of a channel: the principal
    channel TEXT -- the channel that goes over it
  ) STRICT;
`;

/** What the platform does for hibernating WebSockets: DurableObjectState. */
export type SocketHost = Pick<
  DurableObjectState,
  "acceptWebSocket" | "getTags" | "getWebSockets" | "setWebSocketAutoResponse"
>;

export interface Connection {
  /** Its server, and its path as it was enabled. */
  server: number;
  path: string;
  /** The channel that goes over it; null for one of the actor's paths. */
  channel: string | null;
}

interface ConnectionParts {
  sql: SqlStorage;
  cell: Cell;
  journal: Journal;
  mailbox: Mailbox;
  site: SiteRows;
  channels: Channels;
  host: SocketHost;
  run: () => void;
}

export class Connections {
  readonly #parts: ConnectionParts;
  /** What is committed; undefined: to be read. */
  #rows: Map<number, Connection> | undefined;
  /** Those whose opening is under way: accepted when it commits. */
  readonly #opening = new Map<number, Connection & { socket: WebSocket }>();
  #given = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** By id. */
  get all(): ReadonlyMap<number, Connection> {
    return (this.#rows ??= this.#read());
  }

  /** Open ones, and those that are being opened. */
  get count(): number {
    return this.all.size + this.#opening.size;
  }

  /** Where it belongs: of one that is open, or whose opening is under way. */
  find(id: number): Connection | undefined {
    return this.all.get(id) ?? this.#opening.get(id);
  }

  /** Which handlers its messages go to; undefined where nothing serves its path any more. */
  handlersOf(connection: Connection): WebsocketPath | undefined {
    return websocketPath(this.#parts.site.table, connection);
  }

  idOf(socket: WebSocket): number {
    return Number(this.#parts.host.getTags(socket)[0]);
  }

  /** The id of a connection whose opening begins. `end` when it is over, whatever became of it. */
  begin(connection: Connection & { socket: WebSocket }): { id: number; end: () => void } {
    const id = Math.max(this.#given, this.#parts.cell.get("sockets") ?? 0) + 1;
    this.#given = id;
    this.#opening.set(id, connection);
    return { id, end: () => this.#opening.delete(id) };
  }

  /** In the transaction that ends the opening's turn: the id is spent, whatever the end is. */
  spend(id: number): void {
    if (id > (this.#parts.cell.get("sockets") ?? 0)) this.#parts.cell.set("sockets", id);
  }

  /** In a transaction: from its end on it is open. False where nobody is there any more. */
  open(id: number): boolean {
    const { sql, journal } = this.#parts;
    const opening = this.#opening.get(id);
    if (opening === undefined) return false;
    const { server, path, channel, socket } = opening;
    sql.exec(TABLE);
    sql.exec("INSERT INTO socket VALUES (?, ?, ?, ?)", id, server, path, channel);
    // Where the transaction is undone, `forget` follows.
    this.#rows?.set(id, { server, path, channel });
    // Before anything that the turn said leaves: later work of the same step finds it.
    journal.onceWritten(() => this.#accept(id, socket));
    return true;
  }

  #accept(id: number, socket: WebSocket): void {
    try {
      this.#parts.host.acceptWebSocket(socket, [String(id)]);
    } catch {
      this.drop(id, CLOSED.lost); // whoever asked for it has gone
    }
  }

  /** In a transaction: closes it, and tells the guest where it is to be told. False where it is not open. */
  close(id: number, why: Closing, isTold = true): boolean {
    const connection = this.all.get(id);
    if (connection === undefined) return false;
    this.#forget(id);
    this.#parts.journal.onceWritten(() => this.#end(id, why));
    if (connection.channel !== null) this.closeChannel(connection.channel, isTold);
    else if (isTold) this.tellGuest(id, this.handlersOf(connection)?.disconnect ?? null);
    return true;
  }

  /** In a transaction, and tells the guest. Where the guest has closed it there is nothing to do. */
  closeChannel(channel: string, isTold: boolean): void {
    const { channels, journal, cell } = this.#parts;
    const isClosed = channels.close(channel, EXTERNAL, { by: "peer", reason: "closed" });
    if (!isClosed || !isTold || !isUp(cell.status)) return;
    channels.tellGuest(channel, EXTERNAL);
    journal.onceWritten(() => channels.wake());
  }

  /** The connection that a channel goes over. */
  ofChannel(channel: string): number | undefined {
    for (const [id, each] of this.all) if (each.channel === channel) return id;
    return undefined;
  }

  /** As `close`, in a transaction of its own; for what comes from outside. */
  drop(id: number, why: Closing): void {
    this.#parts.journal.transaction(() => this.close(id, why));
  }

  /** In a transaction: a message that tells the guest that the connection is gone, where a handler wants it. */
  tellGuest(id: number, handler: number | null): void {
    const { journal, mailbox, cell, run } = this.#parts;
    if (handler === null || !isUp(cell.status)) return;
    const random = crypto.getRandomValues(new Uint8Array(48));
    const kind = "websocket-close";
    const fields = {
      id: toHex(random.subarray(0, 16)),
      kind,
      from: "external",
      cause: null,
      params: [handler, id],
      seed: random.slice(16),
    } as const;
    const { seq } = journal.append({ type: "message.received", about: kind, turn: 0, fields });
    mailbox.admit(seq);
    journal.onceWritten(() => {
      mailbox.putSend(seq);
      run();
    });
  }

  /** In a transaction: those whose path nothing serves any more. */
  closeUnserved(): void {
    for (const [id, connection] of this.all) {
      const isServed = connection.channel !== null || this.handlersOf(connection) !== undefined;
      if (!isServed) this.close(id, CLOSED.unserved, false);
    }
  }

  /** Hands a frame to the platform, whose output gate holds it until what was written before is on disk. */
  say(id: number, frame: Frame): void {
    try {
      this.#socketOf(id)?.send(frame);
    } catch {
      // It is closing: its end follows, and tells the guest.
    }
  }

  /** At a wake-up: connections that went while nobody was there. */
  sweep(): void {
    const { host, journal } = this.#parts;
    if (this.all.size === 0) return;
    const there = new Set(host.getWebSockets().map((socket) => this.idOf(socket)));
    const gone = [...this.all.keys()].filter((id) => !there.has(id));
    if (gone.length === 0) return;
    journal.transaction(() => {
      for (const id of gone) this.close(id, CLOSED.lost);
    });
  }

  /** Whenever it is seen that the actor does not run. One that is paused keeps them. */
  halted(status: ActorStatus): void {
    if (isUp(status) || this.all.size === 0) return;
    const why = status === "failed" ? CLOSED.failed : { ...CLOSED.stopped, reason: status };
    this.#parts.journal.transaction(() => {
      for (const id of this.all.keys()) this.close(id, why, false);
    });
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#rows = undefined;
  }

  #forget(id: number): void {
    this.#parts.sql.exec("DELETE FROM socket WHERE id = ?", id);
    this.#rows?.delete(id);
  }

  #end(id: number, { code, reason }: Closing): void {
    try {
      this.#socketOf(id)?.close(code, reasonText(reason));
    } catch {
      // It is closed already.
    }
  }

  #socketOf(id: number): WebSocket | undefined {
    return this.#parts.host.getWebSockets(String(id))[0];
  }

  #read(): Map<number, Connection> {
    const { sql } = this.#parts;
    const tables = "SELECT 1 FROM sqlite_master WHERE name = 'socket'";
    if (sql.exec(tables).toArray().length === 0) return new Map();
    const query = "SELECT id, server, path, channel FROM socket ORDER BY id";
    const rows = sql.exec<Connection & { id: number } & Record<string, SqlStorageValue>>(query);
    return new Map([...rows].map(({ id, ...connection }) => [id, connection]));
  }
}
