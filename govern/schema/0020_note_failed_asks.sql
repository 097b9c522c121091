-- When a gap was last asked for in vain, so that what the service refuses takes its turn behind all others.

ALTER TABLE reading_gaps ADD COLUMN last_failed_at timestamptz;
COMMENT ON COLUMN reading_gaps.last_failed_at IS 'When it was last asked for and no answer came; last_asked_at is of those that were answered.';
