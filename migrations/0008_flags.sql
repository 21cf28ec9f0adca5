-- Feature flags: namespaces, their environments, and what is in them. Documents are JSON text as they were accepted.

CREATE TABLE namespaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  tenant_id TEXT NOT NULL,
  app_id TEXT NOT NULL,
  access TEXT NOT NULL CHECK (access IN ('public', 'users', 'clients')),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  -- Random, and another one after every change of anything in the namespace: what was read before belongs to it or not.
  stamp INTEGER NOT NULL,
  UNIQUE (tenant_id, app_id)
) STRICT;

CREATE TABLE environments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  metadata TEXT NOT NULL DEFAULT '{}',
  revision INTEGER NOT NULL, -- seq of the last change that may alter an evaluation
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (namespace_id, key)
) STRICT;

CREATE UNIQUE INDEX default_environments ON environments (namespace_id) WHERE is_default = 1;

CREATE TABLE platforms (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  config TEXT NOT NULL DEFAULT '{}',
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (namespace_id, key)
) STRICT;

-- A flag without its definitions. What it names (parent, platform) is in the same namespace.
CREATE TABLE flags (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  tags TEXT NOT NULL DEFAULT '[]',
  type TEXT NOT NULL CHECK (type IN ('boolean', 'string', 'number', 'object')),
  parent TEXT,
  platform TEXT,
  package_gated INTEGER NOT NULL DEFAULT 0 CHECK (package_gated IN (0, 1)),
  off_variant TEXT,
  client_visible INTEGER NOT NULL DEFAULT 1 CHECK (client_visible IN (0, 1)),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (namespace_id, key),
  FOREIGN KEY (namespace_id, parent) REFERENCES flags (namespace_id, key),
  FOREIGN KEY (namespace_id, platform) REFERENCES platforms (namespace_id, key)
) STRICT;

CREATE INDEX flags_by_parent ON flags (namespace_id, parent) WHERE parent IS NOT NULL;
CREATE INDEX flags_by_platform ON flags (namespace_id, platform) WHERE platform IS NOT NULL;

-- Every flag has one in every environment of its namespace.
CREATE TABLE flag_definitions (
  environment_id INTEGER NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  flag_id INTEGER NOT NULL REFERENCES flags (id) ON DELETE CASCADE,
  document TEXT NOT NULL, -- a flag object of flagd
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, flag_id)
) STRICT;

CREATE INDEX flag_definitions_by_flag ON flag_definitions (flag_id);

CREATE TABLE segments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  rule TEXT NOT NULL, -- JsonLogic
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (environment_id, key)
) STRICT;

-- Changes of definitions that are to be made later. An entry outlives its flag, and is not for another one with its key.
CREATE TABLE flag_schedule (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  flag TEXT NOT NULL,
  flag_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  change TEXT NOT NULL, -- a merge patch of the definition
  strict INTEGER NOT NULL CHECK (strict IN (0, 1)), -- how its rule is read
  if_version INTEGER, -- null: whatever the definition's version is then
  author_user INTEGER, -- whose rights it is done by: an account,
  author_key INTEGER, -- or a service's key; both null: the command line
  comment TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'cancelled')),
  error TEXT, -- of a failed one: the code
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX flag_schedule_pending ON flag_schedule (at, id) WHERE state = 'pending';
CREATE INDEX flag_schedule_by_environment ON flag_schedule (environment_id, id);

INSERT INTO namespaces (key, name, tenant_id, app_id, access, version, created_at, updated_at, stamp)
SELECT 'default', 'default', 'default', 'default', 'users', 1, t.now, t.now, random()
FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now) AS t;

INSERT INTO environments (namespace_id, key, name, is_default, revision, version, created_at, updated_at)
SELECT id, 'default', 'default', 1, 0, 1, created_at, created_at FROM namespaces WHERE key = 'default';
