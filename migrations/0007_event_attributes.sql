-- What the front end over which an event was published knows beside its data (a content type, headers of its protocol), for
-- others of that kind. JSON text; null: nothing.
ALTER TABLE events ADD COLUMN attributes TEXT;
