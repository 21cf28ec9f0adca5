-- The audit trail by what was done, and to what.

-- The thing it was done to, as `users/42`: its address below /api/v1/admin where it has one. Null: none.
ALTER TABLE audit ADD COLUMN entity TEXT;
UPDATE audit SET entity = 'users/' || target_id WHERE target_id IS NOT NULL;

DROP INDEX audit_by_target;
DROP INDEX audit_by_actor;
CREATE INDEX audit_by_target ON audit (target_id, id) WHERE target_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_entity ON audit (entity, id) WHERE entity IS NOT NULL;
