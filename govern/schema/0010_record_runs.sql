-- Lineage: a refresh and a report are rows with a number, beside the ingest and validation runs, and say which code and
-- which thresholds made them.

ALTER TABLE validation_runs ADD COLUMN code_version text;
COMMENT ON COLUMN validation_runs.code_version IS 'Version of the code that validated: the commit, or that of package.json.';

CREATE TABLE refresh_runs (
    refresh_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at     timestamptz NOT NULL,
    finished_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_full        boolean NOT NULL,
    rows_changed   bigint NOT NULL,
    code_version   text NOT NULL
);
COMMENT ON TABLE refresh_runs IS 'One row per refresh of Layer 2 that ended.';
COMMENT ON COLUMN refresh_runs.refresh_run_id IS 'Number of the run.';
COMMENT ON COLUMN refresh_runs.started_at IS 'When it began.';
COMMENT ON COLUMN refresh_runs.finished_at IS 'When it ended.';
COMMENT ON COLUMN refresh_runs.is_full IS 'Whether everything was recomputed, or only what changed.';
COMMENT ON COLUMN refresh_runs.rows_changed IS 'Hours and days that were recomputed.';
COMMENT ON COLUMN refresh_runs.code_version IS 'Version of the code that refreshed.';

CREATE TABLE report_runs (
    report_run_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id   bigint,
    kind              text NOT NULL,
    version           integer NOT NULL,
    period_start      timestamptz,
    period_end        timestamptz,
    generated_at      timestamptz NOT NULL,
    recorded_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    validation_run_id bigint,
    is_forced         boolean NOT NULL,
    code_version      text NOT NULL,
    thresholds        jsonb NOT NULL,
    file_name         text NOT NULL,
    file_sha256       text NOT NULL UNIQUE
);
CREATE INDEX report_runs_by_organization ON report_runs (organization_id, period_start);
COMMENT ON TABLE report_runs IS 'One row per report that was written and recorded.';
COMMENT ON COLUMN report_runs.report_run_id IS 'Number of the run.';
COMMENT ON COLUMN report_runs.organization_id IS 'Site reported on; null for a report across sites.';
COMMENT ON COLUMN report_runs.kind IS 'Kind of report: "weekly", ….';
COMMENT ON COLUMN report_runs.version IS 'Version of the report on this period, from 1.';
COMMENT ON COLUMN report_runs.period_start IS 'Start of the period, UTC.';
COMMENT ON COLUMN report_runs.period_end IS 'End of the period, UTC, exclusive.';
COMMENT ON COLUMN report_runs.generated_at IS 'When it was written.';
COMMENT ON COLUMN report_runs.recorded_at IS 'When this row was written.';
COMMENT ON COLUMN report_runs.validation_run_id IS 'Validation that let it pass: the latest of the site when it was written.';
COMMENT ON COLUMN report_runs.is_forced IS 'Whether it was written although the data were held back.';
COMMENT ON COLUMN report_runs.code_version IS 'Version of the code that recorded it.';
COMMENT ON COLUMN report_runs.thresholds IS 'Thresholds of the analyses in force at the site.';
COMMENT ON COLUMN report_runs.file_name IS 'Name of the report''s file.';
COMMENT ON COLUMN report_runs.file_sha256 IS 'SHA-256 of the file: tells whether it was changed since.';

-- A role that only ingests may not own tables; partitions are made with the owner's rights, and nothing else is.
ALTER FUNCTION ensure_reading_partitions(timestamptz, timestamptz) SECURITY DEFINER SET search_path = public, pg_temp;
