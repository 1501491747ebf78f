-- Captions: one WebVTT text a tape and language. source: "user", whoever may edit the tape; "line21", decoded from the film. version names the text.
CREATE TABLE captions (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  language VARCHAR(35) NOT NULL,
  source VARCHAR(16) NOT NULL CHECK (source IN ('user', 'line21')),
  text TEXT NOT NULL,
  version VARCHAR(32) NOT NULL,
  cues INTEGER NOT NULL,
  end_ms BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (tape_id, language)
);
