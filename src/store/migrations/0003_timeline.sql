-- A tape as a timeline over what was recorded on it. The film that somebody brought is the reels without a take; each recording onto the tape is a take of its own.
-- A tape without spans is its film from beginning to end. Further sound tracks of a film are reels of the same kind with another track number.

CREATE TABLE takes (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  duration_us BIGINT NOT NULL
);
CREATE INDEX takes_tape ON takes(tape_id);

CREATE TABLE reels_of_takes (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  take_id BIGINT REFERENCES takes(id) ON DELETE CASCADE,
  kind VARCHAR(20) NOT NULL CHECK (kind IN ('clean_video', 'clean_audio', 'opus', 'tape_video')),
  track INTEGER NOT NULL DEFAULT 0,
  language VARCHAR(35),
  title VARCHAR(100),
  blob_key TEXT NOT NULL,
  index_key TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  duration_us BIGINT NOT NULL,
  info TEXT
);
INSERT INTO reels_of_takes(tape_id, kind, blob_key, index_key, size_bytes, duration_us, info)
  SELECT tape_id, kind, blob_key, index_key, size_bytes, duration_us, info FROM reels ORDER BY id;
DROP TABLE reels;
ALTER TABLE reels_of_takes RENAME TO reels;
CREATE UNIQUE INDEX reels_one ON reels(tape_id, COALESCE(take_id, 0), kind, track);

-- take_id NULL: the film. Where a span's beginning (head) or end (tail) lies inside a fragment, a bridge holds the pictures and sounds from there to the fragment's
-- edge, encoded anew, so that the rest stays byte ranges. A gap is the unrecorded tape before a span, as pictures that say so.
CREATE TABLE spans (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  tape_start_us BIGINT NOT NULL,
  tape_end_us BIGINT NOT NULL,
  take_id BIGINT REFERENCES takes(id) ON DELETE CASCADE,
  reel_start_us BIGINT NOT NULL,
  speed VARCHAR(4) NOT NULL DEFAULT 'sp',
  generation INTEGER NOT NULL DEFAULT 0,
  seed BIGINT,
  recorded_at BIGINT,
  CHECK (tape_end_us > tape_start_us)
);
CREATE INDEX spans_tape ON spans(tape_id, tape_start_us);
CREATE INDEX spans_take ON spans(take_id);

CREATE TABLE bridges (
  id @ID@,
  span_id BIGINT NOT NULL REFERENCES spans(id) ON DELETE CASCADE,
  kind VARCHAR(20) NOT NULL CHECK (kind IN ('clean_video', 'clean_audio')),
  place VARCHAR(4) NOT NULL CHECK (place IN ('gap', 'head', 'tail')),
  blob_key TEXT NOT NULL,
  index_key TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  from_us BIGINT NOT NULL,
  to_us BIGINT NOT NULL,
  UNIQUE (span_id, kind, place)
);
