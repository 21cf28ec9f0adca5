-- A million accounts in the database of a stopped server, to see what lists and searches of administrators cost:
--   sqlite3 data/corohub.db <bench/million_users.sql
-- Nobody can log in as one of them. Every 5,000th is an admin.
PRAGMA foreign_keys = ON;
BEGIN;
INSERT INTO users (name, email, email_key, role, password_hash, created_at, updated_at)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000),
people AS (
  SELECT n,
         substr('Ann  Bob  Zoë  John Mary PeterIgor Lena ', 1 + 5 * (abs(random()) % 8), 5) AS first_name,
         substr('Smith Meyer Novak GarciaOlsen Rossi ', 1 + 6 * (abs(random()) % 6), 6) AS last_name
  FROM numbers)
SELECT trim(first_name) || ' ' || trim(last_name) || ' ' || (abs(random()) % 100000),
       'user' || n || '.' || lower(trim(last_name)) || '@example.com',
       'user' || n || '.' || lower(trim(last_name)) || '@example.com',
       CASE WHEN n % 5000 = 0 THEN 'admin' ELSE 'user' END,
       '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNvbWVzb21lc29tZQ$bm9ib2R5',
       1700000000000 + n, 1700000000000 + abs(random()) % 100000000000
FROM people;
INSERT INTO users_search (rowid, name, email, staff)
SELECT id, char(2, 2) || name, char(2, 2) || email, CASE role WHEN 'user' THEN '' ELSE role END
FROM users WHERE password_hash LIKE '%bm9ib2R5';
COMMIT;
