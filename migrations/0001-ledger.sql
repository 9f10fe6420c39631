-- The ledger, the directory of actors, and the named stores. Forward only.
--
-- The chain rules live here, as triggers, and not in the code that appends: whoever writes, with
-- whatever program, an event must follow its predecessor and is never changed afterwards. A message of
-- RAISE is `<code> <seq> <cid that the ledger holds, or -> <actor>`; `src/chain/d1-ledger.ts` reads it.

-- One row per event that is not sealed into a segment yet, its payload with it: a row is what D1 bills. `cid`,
-- `parent` and `payload_digest` are bare 32-byte digests; `block` and `payload` hold the exact bytes that were
-- hashed. A person may have a payload erased: `payload` becomes null, the digest and the row stay. The other
-- columns repeat what the block says and serve queries only: a verifier reads the block.
CREATE TABLE event (
  actor TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  cid BLOB NOT NULL CHECK (length(cid) = 32),
  parent BLOB CHECK (parent IS NULL OR length(parent) = 32),
  turn INTEGER NOT NULL,
  type TEXT NOT NULL,
  about TEXT NOT NULL,
  time INTEGER NOT NULL, -- ms since the epoch
  block BLOB NOT NULL,
  payload_digest BLOB NOT NULL CHECK (length(payload_digest) = 32),
  payload BLOB,
  CHECK ((parent IS NULL) = (seq = 0)),
  PRIMARY KEY (actor, seq)
) STRICT, WITHOUT ROWID;

-- Sealed ranges: first…last of an actor is in R2 under `r2_key`. Segments are contiguous from seq 0.
CREATE TABLE segment (
  actor TEXT NOT NULL,
  last INTEGER NOT NULL,
  first INTEGER NOT NULL CHECK (first >= 0 AND first <= last),
  last_cid BLOB NOT NULL CHECK (length(last_cid) = 32),
  r2_key TEXT NOT NULL,
  stretches TEXT NOT NULL DEFAULT '[]', -- where in that object events begin; see src/chain/stretches.ts
  PRIMARY KEY (actor, last)
) STRICT, WITHOUT ROWID;

-- The rules look at the row that is there already, because INSERT OR REPLACE fires neither the UPDATE nor the
-- DELETE trigger. A row that is there, equal in every column but the payload's bytes, passes and is left as it
-- is: appends repeat, and a late one must not bring erased bytes back.
CREATE TRIGGER event_follows BEFORE INSERT ON event
BEGIN
  SELECT RAISE(ABORT, 'chain-sealed ' || new.seq || ' - ' || new.actor)
  WHERE EXISTS (SELECT 1 FROM segment WHERE actor = new.actor AND last >= new.seq);

  SELECT RAISE(ABORT, 'chain-fork ' || seq || ' ' || lower(hex(cid)) || ' ' || actor)
  FROM event WHERE actor = new.actor AND seq = new.seq
    AND (cid, parent, turn, type, about, time, block)
      IS NOT (new.cid, new.parent, new.turn, new.type, new.about, new.time, new.block);

  SELECT RAISE(ABORT, 'chain-fork ' || seq || ' ' || lower(hex(payload_digest)) || ' ' || actor)
  FROM event WHERE actor = new.actor AND seq = new.seq AND payload_digest IS NOT new.payload_digest;

  SELECT RAISE(ABORT, 'chain-gap ' || new.seq || ' - ' || new.actor)
  WHERE new.seq > 0
    AND NOT EXISTS (SELECT 1 FROM event WHERE actor = new.actor AND seq = new.seq - 1)
    AND NOT EXISTS (SELECT 1 FROM segment WHERE actor = new.actor AND last = new.seq - 1);

  SELECT RAISE(ABORT, 'chain-fork ' || seq || ' ' || lower(hex(cid)) || ' ' || actor)
  FROM event WHERE actor = new.actor AND seq = new.seq - 1 AND cid IS NOT new.parent;

  SELECT RAISE(ABORT, 'chain-fork ' || last || ' ' || lower(hex(last_cid)) || ' ' || actor)
  FROM segment WHERE actor = new.actor AND last = new.seq - 1 AND last_cid IS NOT new.parent;

  SELECT RAISE(IGNORE)
  WHERE EXISTS (SELECT 1 FROM event WHERE actor = new.actor AND seq = new.seq);
END;

-- Erasing its payload is the one change that an event knows.
CREATE TRIGGER event_stays BEFORE UPDATE ON event
WHEN new.payload IS NOT NULL
  OR (new.actor, new.seq, new.cid, new.parent, new.turn, new.type, new.about, new.time, new.block,
      new.payload_digest)
    IS NOT (old.actor, old.seq, old.cid, old.parent, old.turn, old.type, old.about, old.time, old.block,
      old.payload_digest)
BEGIN
  SELECT RAISE(ABORT, 'chain-fork ' || old.seq || ' ' || lower(hex(old.cid)) || ' ' || old.actor);
END;

CREATE TRIGGER event_leaves_sealed BEFORE DELETE ON event
BEGIN
  SELECT RAISE(ABORT, 'chain-unsealed ' || old.seq || ' ' || lower(hex(old.cid)) || ' ' || old.actor)
  WHERE NOT EXISTS (SELECT 1 FROM segment
    WHERE actor = old.actor AND last >= old.seq AND first <= old.seq);
END;

-- A segment ends at an event that the ledger holds; only an actor without any rows (a ledger that is
-- being rebuilt from R2) takes segments on trust. The same segment again is allowed.
CREATE TRIGGER segment_follows BEFORE INSERT ON segment
WHEN NOT EXISTS (SELECT 1 FROM segment WHERE (actor, last, first, last_cid)
  IS (new.actor, new.last, new.first, new.last_cid))
BEGIN
  SELECT RAISE(ABORT, 'chain-gap ' || new.first || ' - ' || new.actor)
  WHERE new.first IS NOT
    coalesce((SELECT max(last) + 1 FROM segment WHERE actor = new.actor), 0);

  SELECT RAISE(ABORT, 'chain-fork ' || seq || ' ' || lower(hex(cid)) || ' ' || actor)
  FROM event WHERE actor = new.actor AND seq = new.last AND cid IS NOT new.last_cid;

  SELECT RAISE(ABORT, 'chain-gap ' || new.last || ' - ' || new.actor)
  WHERE EXISTS (SELECT 1 FROM event WHERE actor = new.actor)
    AND NOT EXISTS (SELECT 1 FROM event WHERE actor = new.actor AND seq = new.last);
END;

CREATE TRIGGER segment_stays BEFORE UPDATE OF actor, last, first, last_cid ON segment
BEGIN
  SELECT RAISE(ABORT, 'chain-sealed ' || old.last || ' ' || lower(hex(old.last_cid)) || ' ' || old.actor);
END;

CREATE TRIGGER segment_never_leaves BEFORE DELETE ON segment
BEGIN
  SELECT RAISE(ABORT, 'chain-sealed ' || old.last || ' ' || lower(hex(old.last_cid)) || ' ' || old.actor);
END;

-- The directory: what lists and looks actors up. It follows the actors' own storage and decides nothing.
CREATE TABLE actor (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  component BLOB NOT NULL CHECK (length(component) = 32),
  manifest BLOB NOT NULL CHECK (length(manifest) = 32),
  parent TEXT,
  status TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  head_seq INTEGER NOT NULL,
  next_due_ms INTEGER, -- its earliest timer, roughly: a cron trigger wakes actors that are long overdue
  updated_ms INTEGER NOT NULL,
  site TEXT, -- the name under which /a/<name>/ leads to it
  is_public INTEGER NOT NULL DEFAULT 0 -- whether its HTTP routes answer everybody
) STRICT, WITHOUT ROWID;

CREATE INDEX actor_by_site ON actor (site, created_ms, id) WHERE site IS NOT NULL;
CREATE INDEX actor_by_creation ON actor (created_ms, id);
CREATE INDEX actor_by_status ON actor (status, created_ms, id);
CREATE INDEX actor_by_parent ON actor (parent, created_ms, id) WHERE parent IS NOT NULL;
CREATE INDEX actor_by_due ON actor (next_due_ms) WHERE next_due_ms IS NOT NULL;

-- Named stores: which content belongs to them, and the labels on it. The bytes are in R2.
CREATE TABLE store (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL, -- an actor's id, or empty for stores of the operator
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE store_content (
  store TEXT NOT NULL REFERENCES store (id),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  size INTEGER NOT NULL CHECK (size >= 0),
  PRIMARY KEY (store, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE label (
  store TEXT NOT NULL,
  label TEXT NOT NULL,
  digest BLOB NOT NULL,
  updated_ms INTEGER NOT NULL,
  PRIMARY KEY (store, label),
  FOREIGN KEY (store, digest) REFERENCES store_content (store, digest)
) STRICT, WITHOUT ROWID;
