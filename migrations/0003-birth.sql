-- Idempotency keys of births. The genesis is kept before the actor exists, so that a repetition after a
-- crash gives birth to the same actor and not to a second one.
CREATE TABLE birth (
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  digest BLOB NOT NULL, -- sha256 of what was asked for
  genesis BLOB NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX birth_by_expiry ON birth (expires_ms);
