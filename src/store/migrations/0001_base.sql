-- The first schema: people, devices, tapes and what was made of them, sessions, jobs, log-ins, audit.
-- A statement ends with ';' at the end of a line. Times are milliseconds since 1970, JSON is TEXT. Never edit a migration that was released: add one.

CREATE TABLE users (
  id @ID@,
  email VARCHAR(255) NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  role VARCHAR(50) NOT NULL DEFAULT 'user',
  created_at BIGINT NOT NULL,
  display_name TEXT NOT NULL DEFAULT '',
  settings TEXT NOT NULL DEFAULT '{}',
  disabled BOOLEAN NOT NULL DEFAULT FALSE,
  revision BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE devices (
  id @ID@,
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  name VARCHAR(100) NOT NULL,
  ip_address VARCHAR(45),
  last_seen BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX devices_user ON devices(user_id);

CREATE TABLE tapes (
  id @ID@,
  user_id BIGINT REFERENCES users(id) ON DELETE SET NULL,
  title VARCHAR(255) NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  recorded_at TEXT,
  storage_uri TEXT NOT NULL DEFAULT '',
  format VARCHAR(50) NOT NULL DEFAULT 'vhs',
  created_at BIGINT NOT NULL,
  recorded_from BIGINT,
  recorded_to BIGINT,
  tags TEXT NOT NULL DEFAULT '[]',
  source_note TEXT NOT NULL DEFAULT '',
  status VARCHAR(20) NOT NULL DEFAULT 'blank',
  duration_us BIGINT,
  standard VARCHAR(8),
  tape_speed VARCHAR(4) NOT NULL DEFAULT 'sp',
  length_minutes INTEGER,
  write_protected BOOLEAN NOT NULL DEFAULT FALSE,
  look TEXT NOT NULL DEFAULT '"vhs"',
  media TEXT,
  capture_report TEXT,
  position_us BIGINT NOT NULL DEFAULT 0,
  wear_16 INTEGER NOT NULL DEFAULT 0,
  seed BIGINT,
  identifier TEXT,
  location TEXT,
  notes TEXT,
  rights TEXT,
  language TEXT,
  file_name TEXT,
  revision BIGINT NOT NULL DEFAULT 1,
  trashed_at BIGINT,
  updated_at BIGINT
);
CREATE INDEX tapes_user ON tapes(user_id, created_at, id);
CREATE INDEX tapes_created ON tapes(created_at, id);
CREATE INDEX tapes_trashed ON tapes(trashed_at) WHERE trashed_at IS NOT NULL;

CREATE TABLE sessions (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id BIGINT REFERENCES users(id) ON DELETE CASCADE,
  tape_id BIGINT REFERENCES tapes(id) ON DELETE SET NULL,
  device_id BIGINT REFERENCES devices(id) ON DELETE SET NULL,
  type VARCHAR(50) NOT NULL,
  status VARCHAR(50) NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  look TEXT,
  settings TEXT
);
CREATE INDEX sessions_user ON sessions(user_id, started_at);
CREATE INDEX sessions_tape ON sessions(tape_id);
CREATE INDEX sessions_device ON sessions(device_id);
CREATE INDEX sessions_open ON sessions(status) WHERE ended_at IS NULL;

CREATE TABLE tape_history (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  action VARCHAR(100) NOT NULL,
  performed_by BIGINT REFERENCES users(id) ON DELETE SET NULL,
  performed_at BIGINT NOT NULL,
  details TEXT
);
CREATE INDEX tape_history_tape ON tape_history(tape_id, id);
CREATE INDEX tape_history_by ON tape_history(performed_by);

CREATE TABLE reels (
  id @ID@,
  tape_id BIGINT NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
  kind VARCHAR(20) NOT NULL CHECK (kind IN ('clean_video', 'clean_audio', 'opus', 'tape_video')),
  blob_key TEXT NOT NULL,
  index_key TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  duration_us BIGINT NOT NULL,
  info TEXT,
  UNIQUE (tape_id, kind)
);

CREATE TABLE jobs (
  id @ID@,
  tape_id BIGINT REFERENCES tapes(id) ON DELETE CASCADE,
  user_id BIGINT,
  kind VARCHAR(32) NOT NULL,
  status VARCHAR(16) NOT NULL DEFAULT 'queued',
  progress DOUBLE PRECISION NOT NULL DEFAULT 0,
  stage TEXT NOT NULL DEFAULT '',
  error TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  payload TEXT,
  worker TEXT,
  lease_until BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT,
  finished_at BIGINT
);
CREATE INDEX jobs_tape ON jobs(tape_id, id);
CREATE INDEX jobs_waiting ON jobs(id) WHERE status IN ('queued', 'running');

CREATE TABLE refresh_tokens (
  hash @BYTES@ NOT NULL PRIMARY KEY,
  family VARCHAR(36) NOT NULL,
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  revoked_at BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens(family);
CREATE INDEX refresh_tokens_user ON refresh_tokens(user_id);
CREATE INDEX refresh_tokens_expires ON refresh_tokens(expires_at);

CREATE TABLE audit (
  id @ID@,
  created_at BIGINT NOT NULL,
  user_id BIGINT,
  action VARCHAR(100) NOT NULL,
  request_id TEXT,
  details TEXT
);
CREATE INDEX audit_created ON audit(created_at);
CREATE INDEX audit_user ON audit(user_id, id);
