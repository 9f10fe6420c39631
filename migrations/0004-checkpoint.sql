-- The newest signed checkpoint of each actor. `published_ms` makes it a feed of what has changed, from
-- which a log over all actors can be built later.
CREATE TABLE checkpoint (
  actor TEXT NOT NULL PRIMARY KEY,
  size INTEGER NOT NULL,
  root BLOB NOT NULL CHECK (length(root) = 32),
  note TEXT NOT NULL,
  published_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX checkpoint_by_time ON checkpoint (published_ms);

-- Whoever signs, with whatever program: a signed size never shrinks, and one size has one root.
CREATE TRIGGER checkpoint_grows BEFORE UPDATE ON checkpoint
WHEN new.size < old.size OR (new.size = old.size AND new.root IS NOT old.root)
BEGIN
  SELECT RAISE(ABORT, 'chain-fork ' || old.size || ' ' || lower(hex(old.root)) || ' ' || old.actor);
END;

-- INSERT OR REPLACE fires neither the UPDATE nor the DELETE trigger.
CREATE TRIGGER checkpoint_once BEFORE INSERT ON checkpoint
BEGIN
  SELECT RAISE(ABORT, 'chain-fork ' || size || ' ' || lower(hex(root)) || ' ' || actor)
  FROM checkpoint WHERE actor = new.actor
    AND (size > new.size OR (size = new.size AND root IS NOT new.root));
END;

CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint
BEGIN
  SELECT RAISE(ABORT, 'chain-fork ' || old.size || ' ' || lower(hex(old.root)) || ' ' || old.actor);
END;
