-- A second factor by time (RFC 6238): its secret is sealed with a key of the server's secret file; of recovery codes only the SHA-256 is kept.
CREATE TABLE totp (
  user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
  secret TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  confirmed_at BIGINT,
  last_step BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE recovery_codes (
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  hash @BYTES@ NOT NULL,
  PRIMARY KEY (user_id, hash)
);
