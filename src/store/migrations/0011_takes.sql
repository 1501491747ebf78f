-- Recordings onto a tape that is in a deck. A take's row is there from the moment when it begins, with all that a recovery needs; one at a time on a tape.

ALTER TABLE takes ADD COLUMN status VARCHAR(12) NOT NULL DEFAULT 'done';
ALTER TABLE takes ADD COLUMN place_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE takes ADD COLUMN speed VARCHAR(4) NOT NULL DEFAULT 'sp';
ALTER TABLE takes ADD COLUMN seed BIGINT;
ALTER TABLE takes ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE takes ADD COLUMN user_id BIGINT REFERENCES users(id) ON DELETE SET NULL;
ALTER TABLE takes ADD COLUMN session_id VARCHAR(36);
ALTER TABLE takes ADD COLUMN source TEXT;
CREATE INDEX takes_user ON takes(user_id);
CREATE UNIQUE INDEX takes_recording ON takes(tape_id) WHERE status = 'recording';

-- What undoing a recording needs: its stretch of the tape, and the spans that lay there (whole, also where they were only cut). Beside the history and not in its
-- details, so that those stay small whatever was recorded over. undone_by: the history's item; NULL: it shows.
CREATE TABLE recordings (
  history_id BIGINT NOT NULL PRIMARY KEY REFERENCES tape_history(id) ON DELETE CASCADE,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  take_id BIGINT REFERENCES takes(id) ON DELETE CASCADE,
  start_us BIGINT NOT NULL,
  end_us BIGINT NOT NULL,
  undone_by BIGINT
);
CREATE INDEX recordings_tape ON recordings(tape_id, history_id);
CREATE INDEX recordings_take ON recordings(take_id);

CREATE TABLE former_spans (
  id @ID@,
  history_id BIGINT NOT NULL REFERENCES recordings(history_id) ON DELETE CASCADE,
  tape_start_us BIGINT NOT NULL,
  tape_end_us BIGINT NOT NULL,
  take_id BIGINT REFERENCES takes(id) ON DELETE CASCADE,
  reel_start_us BIGINT NOT NULL,
  speed VARCHAR(4) NOT NULL,
  generation INTEGER NOT NULL,
  seed BIGINT,
  recorded_at BIGINT
);
CREATE INDEX former_spans_of ON former_spans(history_id, tape_start_us);
CREATE INDEX former_spans_take ON former_spans(take_id);

-- A mark that a recording wrote goes with it when it is undone.
ALTER TABLE marks ADD COLUMN take_id BIGINT REFERENCES takes(id) ON DELETE SET NULL;
CREATE INDEX marks_take ON marks(take_id) WHERE take_id IS NOT NULL;

-- Tape that has passed the heads since the last sixteenth of wear.
ALTER TABLE tapes ADD COLUMN worn_us BIGINT NOT NULL DEFAULT 0;
