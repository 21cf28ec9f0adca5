-- Overrides of a flag that goes are taken from their clients one after the other, each of which is a change of
-- the client, so they may outlive the flag for a while. Ids of flags are never used again.
CREATE TABLE overrides (
  client_id INTEGER NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  flag_id INTEGER NOT NULL,
  granted INTEGER NOT NULL CHECK (granted IN (0, 1)),
  reason TEXT NOT NULL DEFAULT '',
  expires_at INTEGER,
  PRIMARY KEY (client_id, flag_id)
) STRICT, WITHOUT ROWID;

INSERT INTO overrides (client_id, flag_id, granted, reason, expires_at)
SELECT client_id, flag_id, granted, reason, expires_at FROM client_overrides;
DROP TABLE client_overrides;
ALTER TABLE overrides RENAME TO client_overrides;
CREATE INDEX client_overrides_by_flag ON client_overrides (flag_id);
CREATE INDEX client_overrides_by_expiry ON client_overrides (expires_at) WHERE expires_at IS NOT NULL;

-- Flags that have gone and of which some client may still have an override.
CREATE TABLE gone_flags (id INTEGER PRIMARY KEY) STRICT;
