-- Where an account is logged in: one row a family of refresh tokens. Those that live now get a row of what is known of them.
CREATE TABLE logins (
  family VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  user_agent TEXT,
  ip_address VARCHAR(48)
);
CREATE INDEX logins_user ON logins(user_id, created_at);
CREATE INDEX logins_expires ON logins(expires_at);
INSERT INTO logins(family, user_id, created_at, last_seen_at, expires_at)
  SELECT family, user_id, MIN(created_at), MAX(created_at), MAX(expires_at) FROM refresh_tokens WHERE revoked_at IS NULL GROUP BY family, user_id;
