-- A device's secrets: its token is kept as a hash, and the SRT passphrase is not kept at all: it is derived from the server's secret and a salt.
ALTER TABLE devices ADD COLUMN driver VARCHAR(100);
ALTER TABLE devices ADD COLUMN capabilities TEXT NOT NULL DEFAULT '["record","stop"]';
ALTER TABLE devices ADD COLUMN token_hash @BYTES@;
ALTER TABLE devices ADD COLUMN srt_salt @BYTES@;
ALTER TABLE devices ADD COLUMN updated_at BIGINT;
CREATE UNIQUE INDEX devices_token ON devices(token_hash);
