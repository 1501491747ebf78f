-- The audit becomes a chain: each row's hash is over the one before it and its own text (app/audit.c). Rows from before have none and stand outside it.
ALTER TABLE audit ADD COLUMN object VARCHAR(100);
ALTER TABLE audit ADD COLUMN ip_address VARCHAR(48);
ALTER TABLE audit ADD COLUMN hash VARCHAR(64);
CREATE INDEX audit_action ON audit(action, id);
CREATE INDEX audit_object ON audit(object, id);

-- Where the chain begins (the last row that was trimmed, and its hash) and where it ends.
CREATE TABLE audit_chain (
  id INTEGER NOT NULL PRIMARY KEY,
  first_id BIGINT NOT NULL,
  first_hash VARCHAR(64) NOT NULL,
  last_id BIGINT NOT NULL,
  last_hash VARCHAR(64) NOT NULL
);
INSERT INTO audit_chain(id, first_id, first_hash, last_id, last_hash)
  SELECT 1, COALESCE(MAX(id), 0), '0000000000000000000000000000000000000000000000000000000000000000',
    COALESCE(MAX(id), 0), '0000000000000000000000000000000000000000000000000000000000000000' FROM audit;
