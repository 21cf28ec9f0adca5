-- How far Redis Streams were read: written in the transaction in which the entry had its effect.

CREATE TABLE ingest_positions (
  stream TEXT PRIMARY KEY,
  entry TEXT NOT NULL, -- its id: "1526919030474-55"
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
