-- Index marks; what the owner says of a film that its file does not say rightly (JSON: field_order, standard, aspect); the SHA-256 under which an original came in.

CREATE TABLE marks (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  position_us BIGINT NOT NULL,
  title VARCHAR(255) NOT NULL DEFAULT '',
  source VARCHAR(8) NOT NULL CHECK (source IN ('user', 'scene', 'gap', 'date')),
  confirmed BOOLEAN NOT NULL
);
CREATE INDEX marks_tape ON marks(tape_id, position_us, id);

ALTER TABLE tapes ADD COLUMN processing TEXT;
ALTER TABLE tapes ADD COLUMN original_sha256 VARCHAR(64);
CREATE INDEX tapes_original ON tapes(original_sha256, user_id) WHERE original_sha256 IS NOT NULL;
