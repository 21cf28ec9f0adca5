-- An alert to everyone is also of the topic in which the server says how it is: those who were there are, too.
UPDATE events SET also = 'system'
WHERE topic IS NULL AND type = 'system.alert' AND roles = 7 AND user_id IS NULL;
