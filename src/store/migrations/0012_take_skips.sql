-- A take begins with a key frame, and shows from where the deck began to record.

ALTER TABLE takes ADD COLUMN skip_us BIGINT NOT NULL DEFAULT 0;
