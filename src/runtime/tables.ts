// The tables of an actor's own SQLite. One writer each, named here. An object without a birth stores
// nothing, so they are made together with the genesis event.

/** SQLite in Durable Objects refuses values above 2 MiB, and only at commit (measured): keep far below. */
export const PART_BYTES_MAX = 1024 * 1024;

export const TABLES = `
  -- Written by Journal and, for rows that leave, by Sealer. The chain itself; 'block' and 'payload' are the exact bytes that were hashed.
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    cid BLOB NOT NULL,
    parent BLOB,
    turn INTEGER NOT NULL,
    type TEXT NOT NULL,
    about TEXT NOT NULL,
    time INTEGER NOT NULL, -- ms since the epoch
    block BLOB NOT NULL,
    payload_digest BLOB NOT NULL,
    payload BLOB -- null once erased
  ) STRICT;

  -- Written by Journal. Which raw blocks in R2 the payloads link to: a block goes with its last link.
  CREATE TABLE link (digest BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (digest, seq)) STRICT, WITHOUT ROWID;

  -- Written by Eraser. The erased payloads, and the payload.erased that says so of each.
  CREATE TABLE erasure (seq INTEGER PRIMARY KEY, event INTEGER NOT NULL) STRICT;
  -- Written by Eraser. What of them may still be elsewhere: payloads in D1 by seq, raw blocks in R2 by digest.
  CREATE TABLE unerased_payload (seq INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE unerased_block (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

  -- Written by Cell. The newest committed state in parts of at most 1 MiB; no row: the state is none.
  CREATE TABLE state (part INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

  -- Written by Cell. Single values by name; see the keys of CellValues.
  CREATE TABLE cell (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- Written by Mailbox. The sends that have no turn yet, by the seq of their message event.
  CREATE TABLE mailbox (
    seq INTEGER PRIMARY KEY,
    tries INTEGER NOT NULL DEFAULT 0, -- lives that began its turn and did not end it
    channel TEXT -- on which it came
  ) STRICT;
  CREATE INDEX mailbox_channel ON mailbox (channel) WHERE channel IS NOT NULL;

  -- Written by Outbox. Sends that no receiver has acknowledged yet.
  CREATE TABLE outbox (
    recipient TEXT NOT NULL,
    n INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    place INTEGER NOT NULL, -- among the sends of its turn
    cause INTEGER NOT NULL, -- seq of the turn.committed
    tries INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL, -- ms since the epoch
    body BLOB NOT NULL,
    channel TEXT, -- on which it goes
    close TEXT, -- why it closes the channel, if it does
    PRIMARY KEY (recipient, n)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX outbox_channel ON outbox (channel) WHERE channel IS NOT NULL;

  -- Written by Channels. Closed ones stay as tombstones, the newest of them.
  CREATE TABLE channel (
    id TEXT PRIMARY KEY,
    peer TEXT NOT NULL,
    state TEXT NOT NULL, -- opening, open, closed
    turn INTEGER NOT NULL, -- that opened or accepted it
    since INTEGER NOT NULL -- ms since the epoch
  ) STRICT, WITHOUT ROWID;

  -- Written by Outbox and Mailbox, a column each. How far the pair with each peer has come.
  CREATE TABLE peer (
    actor TEXT PRIMARY KEY,
    sent INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL DEFAULT 0,
    cause BLOB -- CID of the peer's event that the last received one came from
  ) STRICT, WITHOUT ROWID;

  -- Written by Timers. Messages to the actor itself that are not due yet.
  CREATE TABLE timer (
    name TEXT PRIMARY KEY,
    plan TEXT NOT NULL, -- a Plan as JSON
    due INTEGER NOT NULL, -- ms since the epoch
    cause INTEGER NOT NULL, -- seq of the turn.committed that set it
    cause_digest BLOB NOT NULL,
    body BLOB NOT NULL
  ) STRICT;

  -- Written by TreeKeeper. Tiles of the Merkle tree over the events (C2SP tlog-tiles), 32 bytes a hash.
  CREATE TABLE tile (
    level INTEGER NOT NULL,
    place INTEGER NOT NULL, -- the tile's index in its level
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, place)
  ) STRICT, WITHOUT ROWID;

  -- Written by Sealer. The runs of the chain that are in R2, and whether D1 is known to know them.
  CREATE TABLE segment (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last_cid BLOB NOT NULL,
    key TEXT NOT NULL,
    stretches TEXT NOT NULL,
    turn INTEGER NOT NULL, -- the newest that has an event by its end
    state INTEGER, -- seq of the event by its end that recorded the state of then; null: there was none
    in_ledger INTEGER NOT NULL
  ) STRICT;

  -- Written by Deferred. Requests that their turns left open, until they are settled.
  CREATE TABLE deferred (
    id TEXT PRIMARY KEY, -- as the guest knows it
    message INTEGER NOT NULL, -- seq of its message.received
    end INTEGER NOT NULL, -- seq of the turn.committed
    due INTEGER NOT NULL, -- the deadline, ms since the epoch
    wait INTEGER NOT NULL, -- how far away that was, ms
    principal TEXT, -- with 'key': its Idempotency-Key, if it has one
    key TEXT
  ) STRICT, WITHOUT ROWID;

  -- Written by Idempotency. 'seq' is the event that holds the outcome.
  CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL, -- sha256 of the body, hex; empty once erased
    seq INTEGER NOT NULL,
    expires INTEGER NOT NULL, -- ms since the epoch
    answer INTEGER, -- the request.settled, once a request that was left open is settled
    PRIMARY KEY (principal, route, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_expires ON idempotency (expires);
`;
