-- Grain: one row per recorded report, older versions included. Time zone: UTC.
CREATE VIEW v_reports AS
SELECT
    organization_id AS site_id, report_run_id, kind, version, period_start, period_end, generated_at, is_forced,
    file_name, file_sha256
FROM report_runs;

COMMENT ON VIEW v_reports IS 'Reports that were written and recorded.';
COMMENT ON COLUMN v_reports.site_id IS 'Site (organization) id; null for a report across sites.';
COMMENT ON COLUMN v_reports.report_run_id IS 'Number of the report.';
COMMENT ON COLUMN v_reports.kind IS 'Kind of report: weekly, customer, monthly, asset_health, electrical_health or portfolio.';
COMMENT ON COLUMN v_reports.version IS 'Version of the report on its period, from 1.';
COMMENT ON COLUMN v_reports.period_start IS 'Start of its period, UTC.';
COMMENT ON COLUMN v_reports.period_end IS 'End of its period, UTC, exclusive.';
COMMENT ON COLUMN v_reports.generated_at IS 'When it was written.';
COMMENT ON COLUMN v_reports.is_forced IS 'Whether it was written although the data were held back.';
COMMENT ON COLUMN v_reports.file_name IS 'Name of its file in the folder of the reports.';
COMMENT ON COLUMN v_reports.file_sha256 IS 'SHA-256 of that file when it was recorded.';
