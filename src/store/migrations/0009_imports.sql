-- Files of folders that are not ours. state: taking, taken (out of the import folder: a row is there only while a file is on its way); library (in its place), changed, gone.
-- path: below the root, bytes that are no plain UTF-8 text and '%' as %XX. A library file whose tape was purged keeps its row, so that it is not brought in again.

CREATE TABLE imports (
  id @ID@,
  root TEXT NOT NULL,
  path TEXT NOT NULL,
  tape_id BIGINT REFERENCES tapes(id) ON DELETE SET NULL,
  state VARCHAR(8) NOT NULL,
  size_bytes BIGINT NOT NULL,
  written_us BIGINT NOT NULL,
  changed_us BIGINT NOT NULL,
  inode BIGINT NOT NULL,
  UNIQUE (root, path)
);
CREATE INDEX imports_tape ON imports(tape_id);

ALTER TABLE tapes ADD COLUMN original_state VARCHAR(8);
