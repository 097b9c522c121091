-- What a site's logs say is asked for all sites at each wake, and for one at each report: of the logs of years only the
-- newest are read.
CREATE INDEX ingestion_logs_by_run ON ingestion_logs (organization_id, run_id);
CREATE INDEX ingestion_logs_by_site_window ON ingestion_logs (organization_id, window_end);
-- The verdicts of the last day, of all sites, without those of years before.
CREATE INDEX validation_runs_by_start ON validation_runs (started_at);

ALTER TABLE validation_runs ADD COLUMN attempts_since timestamptz;
COMMENT ON COLUMN validation_runs.attempts_since IS 'Attempts that ended before are not among attempts_seen; null where all were counted.';
