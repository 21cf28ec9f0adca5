-- Events of accounts and events of topics have budgets of their own: what is published in topics does not push out what
-- happened to accounts. So the running sums are each kind's, and the oldest and newest of a kind are found at once.

CREATE INDEX events_of_accounts ON events (seq) WHERE topic IS NULL;
CREATE INDEX events_of_topics ON events (seq) WHERE topic IS NOT NULL;

-- bytes_total, too, counts this kind's events alone from here on.
ALTER TABLE events ADD COLUMN rows_total INTEGER NOT NULL DEFAULT 0;

UPDATE events
SET bytes_total = sums.bytes, rows_total = sums.rows
FROM (
  SELECT
    seq,
    sum(length(CAST(type AS BLOB)) + coalesce(length(CAST(topic AS BLOB)), 0) + length(CAST(data AS BLOB)))
      OVER (PARTITION BY topic IS NULL ORDER BY seq) AS bytes,
    count(*) OVER (PARTITION BY topic IS NULL ORDER BY seq) AS rows
  FROM events
) AS sums
WHERE events.seq = sums.seq;

-- log_floor says it of all events; those of topics up to here are gone as well. Never below log_floor.
INSERT INTO meta (key, value) SELECT 'topics_floor', value FROM meta WHERE key = 'log_floor';
