-- What requests need besides the objects they are about: answers kept for a repeated Idempotency-Key, and a row that shows whether changes reach the disk.

CREATE TABLE idempotency (
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  name VARCHAR(255) NOT NULL,
  request VARCHAR(32) NOT NULL,
  status INTEGER NOT NULL DEFAULT 0,
  location TEXT,
  body TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, name)
);
CREATE INDEX idempotency_age ON idempotency(created_at);

CREATE TABLE readiness (
  id INTEGER NOT NULL PRIMARY KEY,
  checked_at BIGINT NOT NULL
);
INSERT INTO readiness(id, checked_at) VALUES(1, 0);
