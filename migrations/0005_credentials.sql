-- What each credential needs to be judged by when it is used.

-- With it, and with the used token itself, whoever presents that token once more within the grace gets the same
-- successor again; neither alone gives it. Kept until the successor is used.
ALTER TABLE refresh_tokens ADD COLUMN successor_seed BLOB;

-- Null: the command line. Links from before this are void: nobody knows who made them.
ALTER TABLE password_resets ADD COLUMN made_by INTEGER;
DELETE FROM password_resets;

-- Null: the key has no end.
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;

-- By account and place now, so that a stranger's failures are not the owner's. What was counted before is forgotten.
DROP TABLE login_failures;
CREATE TABLE login_failures (
  account BLOB NOT NULL, -- SHA-256 of the address, which need not belong to an account
  place BLOB NOT NULL, -- SHA-256 of the account and the network or login it was tried from; empty: all together
  failures INTEGER NOT NULL,
  retry_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_failures_by_age ON login_failures (updated_at);
