-- Grain: one row per site: its latest validation, and whether it still holds.
-- Time zone: UTC.
CREATE VIEW v_validation_status AS
SELECT
    o.organization_id AS site_id,
    o.name AS site_name,
    run.validation_run_id,
    coalesce(run.verdict, 'missing') AS verdict,
    run.checks_run,
    run.started_at AS validated_at,
    ingest.last_ingest_at,
    ingest.ingested_until,
    -- Outdated as soon as an ingest attempt ended that the verdict has not seen.
    run.validation_run_id IS NOT NULL
        AND (ingest.last_ingest_at IS NULL OR coalesce(ingest.last_ingest_at <= run.covers_ingest_until, false))
        AS is_current,
    coalesce(failed.blocking, '{}') AS blocking_checks,
    coalesce(failed.warning, '{}') AS warning_checks,
    failed.blocking_message,
    failed.blocking_hint
FROM organizations AS o
LEFT JOIN LATERAL (
    SELECT v.*
    FROM validation_runs AS v
    WHERE v.organization_id = o.organization_id
    ORDER BY v.validation_run_id DESC
    LIMIT 1
) AS run ON true
LEFT JOIN (
    SELECT
        l.organization_id,
        max(l.finished_at) AS last_ingest_at,
        max(l.window_end) FILTER (WHERE l.status = 'done' AND l.channel_id <> 0) AS ingested_until
    FROM ingestion_logs AS l
    GROUP BY l.organization_id
) AS ingest ON ingest.organization_id = o.organization_id
LEFT JOIN LATERAL (
    SELECT
        array_agg(r.check_name ORDER BY r.check_name) FILTER (WHERE r.severity = 'block') AS blocking,
        array_agg(r.check_name ORDER BY r.check_name) FILTER (WHERE r.severity = 'warn') AS warning,
        (array_agg(r.message ORDER BY r.check_name) FILTER (WHERE r.severity = 'block'))[1] AS blocking_message,
        (array_agg(r.hint ORDER BY r.check_name) FILTER (WHERE r.severity = 'block'))[1] AS blocking_hint
    FROM validation_results AS r
    WHERE r.validation_run_id = run.validation_run_id AND NOT r.is_passed
) AS failed ON true;

COMMENT ON VIEW v_validation_status IS 'The circuit breaker of each site.';
COMMENT ON COLUMN v_validation_status.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_validation_status.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_validation_status.validation_run_id IS 'Latest validation run; null when there was none.';
COMMENT ON COLUMN v_validation_status.verdict IS '"closed" (data may pass), "open" (held back) or "missing" (never validated).';
COMMENT ON COLUMN v_validation_status.checks_run IS 'Checks executed.';
COMMENT ON COLUMN v_validation_status.validated_at IS 'When the run began, UTC.';
COMMENT ON COLUMN v_validation_status.last_ingest_at IS 'When the newest ingest attempt ended, UTC.';
COMMENT ON COLUMN v_validation_status.ingested_until IS 'End of the newest window that the service answered for, UTC; later days were never asked.';
COMMENT ON COLUMN v_validation_status.is_current IS 'False when an ingest attempt ended after the data that the verdict saw.';
COMMENT ON COLUMN v_validation_status.blocking_checks IS 'Failed checks that hold the data back.';
COMMENT ON COLUMN v_validation_status.warning_checks IS 'Failed checks that only warn.';
COMMENT ON COLUMN v_validation_status.blocking_message IS 'What the first blocking check found.';
COMMENT ON COLUMN v_validation_status.blocking_hint IS 'What to do about it.';
