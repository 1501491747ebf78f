-- Invitations: each makes one account. Of its token only the SHA-256 is kept.
CREATE TABLE invitations (
  id @ID@,
  hash @BYTES@ NOT NULL UNIQUE,
  created_by BIGINT REFERENCES users(id) ON DELETE SET NULL,
  email VARCHAR(255),
  role VARCHAR(50) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  used_by BIGINT REFERENCES users(id) ON DELETE SET NULL
);
CREATE INDEX invitations_created_by ON invitations(created_by);
CREATE INDEX invitations_used_by ON invitations(used_by);
