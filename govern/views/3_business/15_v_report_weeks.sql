-- Grain: one row per site and week that has a recorded weekly report, by its newest version. Time zone: UTC; week and
-- first_day are local. A report that is being written counts as recorded within its own transaction (number 0), and
-- then nothing after its week does.
CREATE VIEW v_report_weeks AS
SELECT DISTINCT ON (w.organization_id, w.week)
    w.organization_id AS site_id,
    w.week,
    w.report_run_id,
    w.first_day,
    w.period_start,
    w.period_end,
    w.generated_at
FROM (
    SELECT organization_id, week, report_run_id, first_day, period_start, period_end, generated_at
    FROM report_weeks
    -- Told by coalesce, of which the planner expects half of the rows: by OR it expects none, and joins row by row.
    WHERE coalesce(
        organization_id <> (draft_report() ->> 'site_id')::bigint OR week < (draft_report() ->> 'week')::date, true
    )
    UNION ALL
    SELECT d.site_id, d.week, 0, d.first_day, d.period_start, d.period_end, d.generated_at
    FROM jsonb_to_record(draft_report()) AS d (
        site_id bigint, week date, first_day date, period_start timestamptz, period_end timestamptz,
        generated_at timestamptz
    )
    WHERE d.site_id IS NOT NULL
) AS w
ORDER BY w.organization_id, w.week, (w.first_day = w.week) DESC, w.generated_at DESC, w.report_run_id DESC;

COMMENT ON VIEW v_report_weeks IS 'The weekly report that counts for each week of a site.';
COMMENT ON COLUMN v_report_weeks.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_report_weeks.week IS 'Monday of the local week.';
COMMENT ON COLUMN v_report_weeks.report_run_id IS 'Number of the report; 0 while it is being written.';
COMMENT ON COLUMN v_report_weeks.first_day IS 'First local day of its period.';
COMMENT ON COLUMN v_report_weeks.period_start IS 'Start of its period, UTC.';
COMMENT ON COLUMN v_report_weeks.period_end IS 'End of its period, UTC, exclusive.';
COMMENT ON COLUMN v_report_weeks.generated_at IS 'When it was written.';
