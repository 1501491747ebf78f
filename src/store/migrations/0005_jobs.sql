-- Jobs: an order among those that wait (lower first), a time before which one that broke off is not tried again, when an owner was last served, and how a running one
-- gets on. priority: 0 what a person waits for, 10 demo films, 20 what scans found.

ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN claimed_at BIGINT;
ALTER TABLE jobs ADD COLUMN speed DOUBLE PRECISION;
ALTER TABLE jobs ADD COLUMN ends_at BIGINT;
UPDATE jobs SET priority = 10 WHERE kind = 'demo';
CREATE INDEX jobs_served ON jobs(COALESCE(user_id, 0), claimed_at);
CREATE INDEX jobs_running ON jobs(tape_id) WHERE status = 'running';
CREATE INDEX tapes_processing ON tapes(id) WHERE status = 'processing';
