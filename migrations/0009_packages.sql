-- Packages of flags and the clients that have them, what gateways are configured with, and a second destination of events.

CREATE TABLE packages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  price REAL,
  currency TEXT,
  billing_period TEXT CHECK (billing_period IN ('monthly', 'yearly', 'once')),
  available INTEGER NOT NULL DEFAULT 1 CHECK (available IN (0, 1)),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (namespace_id, key)
) STRICT;

CREATE TABLE package_features (
  package_id INTEGER NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  flag_id INTEGER NOT NULL REFERENCES flags (id) ON DELETE CASCADE,
  limits TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (package_id, flag_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX package_features_by_flag ON package_features (flag_id);

-- What a client names is in its namespace. A package, platform or environment that a client has cannot go.
CREATE TABLE clients (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  package_id INTEGER REFERENCES packages (id),
  platform_id INTEGER REFERENCES platforms (id),
  environment_id INTEGER REFERENCES environments (id), -- null: the default one
  attributes TEXT NOT NULL DEFAULT '{}',
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (namespace_id, key)
) STRICT;

CREATE UNIQUE INDEX clients_by_user ON clients (namespace_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX clients_of_user ON clients (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX clients_by_package ON clients (package_id) WHERE package_id IS NOT NULL;
CREATE INDEX clients_by_platform ON clients (platform_id) WHERE platform_id IS NOT NULL;
CREATE INDEX clients_by_environment ON clients (environment_id) WHERE environment_id IS NOT NULL;

CREATE TABLE client_overrides (
  client_id INTEGER NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  flag_id INTEGER NOT NULL REFERENCES flags (id) ON DELETE CASCADE,
  granted INTEGER NOT NULL CHECK (granted IN (0, 1)),
  reason TEXT NOT NULL DEFAULT '',
  expires_at INTEGER,
  PRIMARY KEY (client_id, flag_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX client_overrides_by_flag ON client_overrides (flag_id);
CREATE INDEX client_overrides_by_expiry ON client_overrides (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE client_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  client_id INTEGER NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  name TEXT NOT NULL DEFAULT '',
  hash BLOB NOT NULL UNIQUE, -- SHA-256 of the key
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX client_keys_by_client ON client_keys (client_id);

-- Of gateways: not to be mixed up with the routes that this server answers.
CREATE TABLE gateway_routes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  service_name TEXT NOT NULL DEFAULT '',
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  config TEXT NOT NULL DEFAULT '{}',
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (environment_id, path)
) STRICT;

-- A second topic whose subscribers get the event, too: of one package, one platform, one flag.
ALTER TABLE events ADD COLUMN also TEXT;
CREATE INDEX events_by_second_topic ON events (also, seq) WHERE also IS NOT NULL;
