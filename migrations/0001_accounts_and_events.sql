-- Accounts, their logins, and the log of events. Times are milliseconds since 1970 UTC.

-- What the database knows of itself: epoch, log_floor (events up to here are gone), last_batch (number of the
-- newest commit with effects outside the database).
CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT;

INSERT INTO meta (key, value) VALUES ('log_floor', '0'), ('last_batch', '0');

CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE, -- the address in lower case: addresses are compared without case
  age INTEGER,
  role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin', 'superadmin')),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  password_hash TEXT NOT NULL,
  token_version INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- The filter of the admin list, and the count of superadmins that every demotion asks for.
CREATE INDEX users_by_role ON users (role, status, id);
CREATE INDEX users_by_name ON users (name COLLATE NOCASE, id);

-- A login, the family of its refresh tokens; id is the claim `sid`.
CREATE TABLE sessions (
  id BLOB PRIMARY KEY NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, -- absolute, however often it is refreshed
  ip TEXT NOT NULL DEFAULT '',
  user_agent TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
  hash BLOB PRIMARY KEY NOT NULL, -- SHA-256; the token itself is never stored
  session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  successor BLOB -- hash of the token it was exchanged for
) STRICT;

CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id, issued_at);

-- AUTOINCREMENT: a seq is never given twice, even after retention has emptied the table.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  data TEXT NOT NULL, -- JSON, delivered as it is
  created_at INTEGER NOT NULL,
  roles INTEGER NOT NULL, -- audience: a bit per role (1 user, 2 admin, 4 superadmin) ...
  user_id INTEGER -- ... and this user
) STRICT;

-- No reference to users: the trail outlives the accounts it speaks of.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created_at INTEGER NOT NULL,
  actor_id INTEGER, -- null: the command line, or nobody who is known
  action TEXT NOT NULL,
  target_id INTEGER,
  outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'denied')),
  detail TEXT NOT NULL DEFAULT '{}', -- JSON object
  ip TEXT,
  request_id TEXT
) STRICT;

CREATE INDEX audit_by_target ON audit (target_id, id);
CREATE INDEX audit_by_actor ON audit (actor_id, id);

CREATE TABLE password_resets (
  hash BLOB PRIMARY KEY NOT NULL, -- SHA-256 of the one-time token
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT;

CREATE INDEX password_resets_by_user ON password_resets (user_id);

-- Kept here, not in memory: a restart or a full table must not give an attacker new tries.
CREATE TABLE login_failures (
  account BLOB PRIMARY KEY NOT NULL, -- SHA-256 of the address, which need not belong to an account
  failures INTEGER NOT NULL,
  retry_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX login_failures_by_age ON login_failures (updated_at);
