-- Uploaded components and what each was transpiled to. The bytes are in R2 by digest. A new transpiler
-- version adds a row and keeps the old one: actors go on with the module set that their genesis names.
CREATE TABLE component (
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  transpiler TEXT NOT NULL,
  modules BLOB NOT NULL CHECK (length(modules) = 32), -- the index of the module set
  bytes INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (digest, transpiler)
) STRICT, WITHOUT ROWID;
