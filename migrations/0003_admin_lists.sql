-- What lists of accounts are read by, so that none of them walks over accounts it does not show.

-- One index for each order. Staff is few and has its own: everybody else costs nothing there.
DROP INDEX users_by_role;
CREATE INDEX users_by_creation ON users (created_at, id);
CREATE INDEX users_by_change ON users (updated_at, id);
CREATE INDEX staff_by_id ON users (role, id) WHERE role <> 'user';
CREATE INDEX staff_by_name ON users (role, name COLLATE NOCASE, id) WHERE role <> 'user';
CREATE INDEX staff_by_email ON users (role, email_key, id) WHERE role <> 'user';
CREATE INDEX staff_by_creation ON users (role, created_at, id) WHERE role <> 'user';
CREATE INDEX staff_by_change ON users (role, updated_at, id) WHERE role <> 'user';

-- How many there are of each role.
CREATE TABLE user_totals (
  role TEXT PRIMARY KEY NOT NULL,
  users INTEGER NOT NULL
) STRICT;

INSERT INTO user_totals (role, users) VALUES ('user', 0), ('admin', 0), ('superadmin', 0);
UPDATE user_totals SET users = (SELECT COUNT(*) FROM users WHERE users.role = user_totals.role);

CREATE TRIGGER user_totals_insert AFTER INSERT ON users BEGIN
  UPDATE user_totals SET users = users + 1 WHERE role = new.role;
END;
CREATE TRIGGER user_totals_delete AFTER DELETE ON users BEGIN
  UPDATE user_totals SET users = users - 1 WHERE role = old.role;
END;
CREATE TRIGGER user_totals_update AFTER UPDATE OF role ON users WHEN new.role <> old.role BEGIN
  UPDATE user_totals SET users = users - 1 WHERE role = old.role;
  UPDATE user_totals SET users = users + 1 WHERE role = new.role;
END;

-- Any three characters of a name or an address, without case. Two marks stand before each, so that one or two
-- characters find what begins with them. `staff` is the role of those who have another one than user. It keeps no
-- text, and no trigger may write to it: whoever changes a user says what stood there before.
CREATE VIRTUAL TABLE users_search USING fts5 (name, email, staff, content = '', columnsize = 0, tokenize = 'trigram');

INSERT INTO users_search (rowid, name, email, staff)
SELECT id, char(2, 2) || name, char(2, 2) || email, CASE role WHEN 'user' THEN '' ELSE role END FROM users;
