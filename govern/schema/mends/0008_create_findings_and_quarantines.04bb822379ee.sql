-- The first form of 0008 lacked a table, which was written into the file after it had been applied.
CREATE TABLE forced_reports (
    report_run_id   bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    check_names     text[] NOT NULL,
    reason          text NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE forced_reports IS 'Reports that were written although the data were held back, with the reason given.';
COMMENT ON COLUMN forced_reports.report_run_id IS 'Report (report_runs).';
COMMENT ON COLUMN forced_reports.organization_id IS 'Site.';
COMMENT ON COLUMN forced_reports.check_names IS 'Checks that held it back; none when it was not validated, or not up to date.';
COMMENT ON COLUMN forced_reports.reason IS 'Why, as the report says it.';
COMMENT ON COLUMN forced_reports.recorded_at IS 'When this row was written.';
