-- Topics in the log, the running size of the log, idempotency keys, keys of other services.

-- Null: not an event of a topic. The audience columns of a topic's event are 0 and null.
ALTER TABLE events ADD COLUMN topic TEXT;
-- Bytes of type, topic and data of this event and all before it since the log was last empty: the log's size is
-- a difference of two rows.
ALTER TABLE events ADD COLUMN bytes_total INTEGER NOT NULL DEFAULT 0;

CREATE INDEX events_by_topic ON events (topic, seq) WHERE topic IS NOT NULL;

-- What was answered to a publish, so that the same request is not done twice. Kept for five minutes.
CREATE TABLE idempotency_keys (
  scope BLOB PRIMARY KEY NOT NULL, -- SHA-256 of who, where to and the key
  payload BLOB NOT NULL, -- SHA-256 of what was published
  seq INTEGER NOT NULL, -- 0: it was volatile
  created_at INTEGER NOT NULL -- also the event's time
) STRICT;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Keys by which other services publish. The key itself is never stored.
CREATE TABLE api_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE, -- SHA-256
  name TEXT NOT NULL,
  scopes TEXT NOT NULL, -- JSON array of strings
  created_by INTEGER, -- null: the command line
  created_at INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT;
