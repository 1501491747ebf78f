-- Sheets of small pictures for scrubbing: one blob that holds them one after another, and what vcr-ingest said of them (interval, tiles, bytes of each sheet).
CREATE TABLE storyboards (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  take_id BIGINT REFERENCES takes(id) ON DELETE CASCADE,
  blob_key TEXT NOT NULL,
  info TEXT NOT NULL
);
CREATE UNIQUE INDEX storyboards_one ON storyboards(tape_id, COALESCE(take_id, 0));
