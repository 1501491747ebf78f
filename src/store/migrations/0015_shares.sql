-- Whom a tape is shown to besides its owner: an account by its e-mail address (user_id is filled in when there is one, at the latest when it registers), or whoever has a link.
-- Of a link only the SHA-256 is kept, of its password the argon2id hash. expires_at NULL: until it is taken back. created_by: what somebody showed ends when that account goes.
CREATE TABLE shares (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  created_by BIGINT REFERENCES users(id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  user_id BIGINT REFERENCES users(id) ON DELETE CASCADE,
  email VARCHAR(255),
  token_hash @BYTES@,
  password_hash TEXT,
  expires_at BIGINT,
  views BIGINT NOT NULL DEFAULT 0,
  CHECK ((email IS NULL) <> (token_hash IS NULL))
);
CREATE UNIQUE INDEX shares_token ON shares(token_hash);
CREATE UNIQUE INDEX shares_person ON shares(tape_id, email);
CREATE INDEX shares_user ON shares(user_id, tape_id);
CREATE INDEX shares_waiting ON shares(email) WHERE user_id IS NULL;
CREATE INDEX shares_by ON shares(created_by);
