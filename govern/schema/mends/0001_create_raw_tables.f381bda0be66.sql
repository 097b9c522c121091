-- The first form of 0001 lacked two columns, which were written into the file after it had been applied.
ALTER TABLE channels ADD COLUMN is_listed boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN channels.is_listed IS 'False once the service lists the channel no longer.';
-- What the verdicts of that time looked back to is not known: they vouch for nothing before they were given.
ALTER TABLE validation_runs ADD COLUMN covers_from timestamptz;
UPDATE validation_runs SET covers_from = finished_at;
ALTER TABLE validation_runs ALTER COLUMN covers_from SET NOT NULL;
COMMENT ON COLUMN validation_runs.covers_from IS 'Start of the look-back: readings before it were not looked at.';
