-- Bridges were as long as the pictures that begin in them, now as long as their stretch of tape: all are made again.

DELETE FROM bridges;
UPDATE tapes SET revision = revision + 1 WHERE id IN (SELECT tape_id FROM spans);
INSERT INTO jobs(tape_id, user_id, kind, payload, created_at) SELECT t.id, t.user_id, 'bridge', '{}', 0 FROM tapes t WHERE t.id IN (SELECT tape_id FROM spans);
