-- Named tokens of an account for programs: of each only the SHA-256 is kept.
CREATE TABLE api_tokens (
  id @ID@,
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  name VARCHAR(100) NOT NULL,
  scopes VARCHAR(100) NOT NULL,
  hash @BYTES@ NOT NULL UNIQUE,
  hint VARCHAR(16) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  last_used_at BIGINT,
  last_used_ip VARCHAR(48)
);
CREATE INDEX api_tokens_user ON api_tokens(user_id, id);
