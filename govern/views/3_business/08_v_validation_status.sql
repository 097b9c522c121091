-- Grain: one row per site: its latest validation, and whether it still holds.
-- Time zone: UTC.
CREATE VIEW v_validation_status AS
SELECT
    o.organization_id AS site_id,
    o.name AS site_name,
    run.validation_run_id,
    CASE WHEN run.verdict IS NULL THEN 'missing' WHEN system.verdict = 'open' THEN 'open' ELSE run.verdict END
        AS verdict,
    run.checks_run,
    run.started_at AS validated_at,
    ingest.last_ingest_at,
    ingest.ingested_until,
    -- Outdated as soon as an ingest attempt stored or settled something that the verdict has not seen. They are counted,
    -- for one that ended before the validation began may be committed after it; by moments where they were not counted.
    CASE
        WHEN run.attempts_seen IS NOT NULL THEN ingest.attempts = run.attempts_seen
        ELSE run.validation_run_id IS NOT NULL
            AND (ingest.last_ingest_at IS NULL OR coalesce(ingest.last_ingest_at <= run.covers_ingest_until, false))
    END AS is_current,
    blocking.checks AS blocking_checks,
    coalesce(failed.warning, '{}') AS warning_checks,
    coalesce(failed.blocking_message, system.blocking_message) AS blocking_message,
    coalesce(failed.blocking_hint, system.blocking_hint) AS blocking_hint,
    CASE WHEN system.verdict = 'open' THEN 'system' ELSE run.reach END AS reach,
    coalesce(failed.evidence, '[]') AS evidence,
    run.quarantined_energy_pct,
    override.reason AS override_reason,
    override.made_by AS override_by,
    override.expires_at AS override_until,
    run.verdict AS own_verdict,
    system.blocking_message AS system_message,
    system.blocking_hint AS system_hint,
    run.site_limits
FROM organizations AS o
LEFT JOIN LATERAL (
    SELECT v.*
    FROM validation_runs AS v
    WHERE v.organization_id = o.organization_id
    ORDER BY v.validation_run_id DESC
    LIMIT 1
) AS run ON true
CROSS JOIN LATERAL (
    SELECT
        -- An attempt that failed, or was cut off, changed nothing.
        (
            SELECT max(l.finished_at) FROM ingestion_logs AS l
            WHERE l.organization_id = o.organization_id AND l.status IN ('done', 'unsupported')
        ) AS last_ingest_at,
        (
            SELECT count(*) FROM ingestion_logs AS l
            WHERE l.organization_id = o.organization_id AND l.status IN ('done', 'unsupported')
                AND l.finished_at >= coalesce(run.attempts_since, '-infinity')
        ) AS attempts,
        (
            SELECT max(l.window_end) FROM ingestion_logs AS l
            WHERE l.organization_id = o.organization_id AND l.status = 'done' AND l.channel_id <> 0
        ) AS ingested_until
) AS ingest
LEFT JOIN LATERAL (
    SELECT
        -- A block within one channel quarantines it (v_quarantined_channels); these hold the whole site back.
        array_agg(r.check_name ORDER BY r.check_name) FILTER (WHERE is_blocking) AS blocking,
        array_agg(r.check_name ORDER BY r.check_name) FILTER (WHERE r.severity = 'warn') AS warning,
        (array_agg(r.message ORDER BY r.check_name) FILTER (WHERE is_blocking))[1] AS blocking_message,
        (array_agg(r.hint ORDER BY r.check_name) FILTER (WHERE is_blocking))[1] AS blocking_hint,
        jsonb_agg(jsonb_build_object('check', r.check_name, 'severity', r.severity, 'scope', r.scope,
            'findings', r.finding_count, 'message', r.message, 'hint', r.hint) ORDER BY r.check_name) AS evidence
    FROM validation_results AS r
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM validation_findings AS f
            WHERE f.validation_run_id = r.validation_run_id AND f.check_name = r.check_name
                AND f.channel_id = 0 AND f.severity = 'block'
        ) AS is_blocking
    ) AS reaching
    WHERE r.validation_run_id = run.validation_run_id AND NOT r.is_passed
) AS failed ON true
LEFT JOIN LATERAL (
    SELECT
        v.verdict,
        array_agg(r.check_name ORDER BY r.check_name) AS blocking,
        (array_agg(r.message ORDER BY r.check_name))[1] AS blocking_message,
        (array_agg(r.hint ORDER BY r.check_name))[1] AS blocking_hint
    FROM validation_runs AS v
    JOIN validation_results AS r USING (validation_run_id)
    WHERE v.validation_run_id = (SELECT max(s.validation_run_id) FROM validation_runs AS s WHERE s.organization_id = 0)
        AND v.verdict = 'open' AND r.severity = 'block' AND NOT r.is_passed
    GROUP BY v.verdict
) AS system ON true
CROSS JOIN LATERAL (
    SELECT coalesce(failed.blocking, '{}') || coalesce(system.blocking, '{}') AS checks
) AS blocking
LEFT JOIN LATERAL (
    SELECT b.reason, b.made_by, b.expires_at
    FROM breaker_overrides AS b
    WHERE b.organization_id = o.organization_id
        AND b.expires_at > clock_timestamp()
        -- What failed after the decision was not decided about.
        AND blocking.checks <@ b.check_names
    ORDER BY b.override_id DESC
    LIMIT 1
) AS override ON true;

COMMENT ON VIEW v_validation_status IS 'The circuit breaker of each site.';
COMMENT ON COLUMN v_validation_status.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_validation_status.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_validation_status.validation_run_id IS 'Latest validation run; null when there was none.';
COMMENT ON COLUMN v_validation_status.verdict IS '"closed" (data may pass), "open" (held back) or "missing" (never validated).';
COMMENT ON COLUMN v_validation_status.checks_run IS 'Checks executed.';
COMMENT ON COLUMN v_validation_status.validated_at IS 'When the run began, UTC.';
COMMENT ON COLUMN v_validation_status.last_ingest_at IS 'When the newest ingest attempt ended that stored or settled something, UTC.';
COMMENT ON COLUMN v_validation_status.ingested_until IS 'End of the newest window that the service answered for, UTC; later days were never asked.';
COMMENT ON COLUMN v_validation_status.is_current IS 'False when an ingest attempt stored or settled something that the verdict has not seen.';
COMMENT ON COLUMN v_validation_status.blocking_checks IS 'Failed checks that hold the whole site back.';
COMMENT ON COLUMN v_validation_status.warning_checks IS 'Failed checks that only warn.';
COMMENT ON COLUMN v_validation_status.blocking_message IS 'What the first blocking check found.';
COMMENT ON COLUMN v_validation_status.blocking_hint IS 'What to do about it.';
COMMENT ON COLUMN v_validation_status.reach IS 'How far the worst finding reaches: "none", "channel" (quarantined), "site" or "system" (every site).';
COMMENT ON COLUMN v_validation_status.evidence IS 'Every failed check, as an array of objects: check, severity, scope, findings (how many), message, hint.';
COMMENT ON COLUMN v_validation_status.quarantined_energy_pct IS 'Share of the site''s energy in quarantine, percent; null when it cannot be told.';
COMMENT ON COLUMN v_validation_status.override_reason IS 'Why the held-back data may pass all the same; null without a decision that is still good and covers every blocking check.';
COMMENT ON COLUMN v_validation_status.override_by IS 'Who decided so.';
COMMENT ON COLUMN v_validation_status.override_until IS 'When the decision runs out, UTC.';
COMMENT ON COLUMN v_validation_status.own_verdict IS '"closed" or "open" by what was found at this site alone; null when it was never validated.';
COMMENT ON COLUMN v_validation_status.system_message IS 'What holds every site back; null when nothing does.';
COMMENT ON COLUMN v_validation_status.system_hint IS 'What to do about that.';
COMMENT ON COLUMN v_validation_status.site_limits IS 'Limits that the site''s own file sets, as name and {"value", "default"}; null when there was no run.';
