-- A verdict holds for the attempts that it saw. Moments cannot tell them all: one that ended before the validation began
-- may be committed after it.
ALTER TABLE validation_runs ADD COLUMN attempts_seen bigint;
COMMENT ON COLUMN validation_runs.attempts_seen IS 'How many ingest attempts that stored or settled something it saw; another one makes the verdict outdated. Null before it was counted.';
COMMENT ON COLUMN validation_runs.covers_ingest_until IS 'End of the newest of the ingest attempts it saw.';
