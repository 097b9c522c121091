-- No site's latest validation found Layer 2 apart from the raw readings although nothing waited for a refresh: then the
-- refresh itself is wrong, for every site.
-- Scope: system
-- Limit: judged_within_hours = 24 (older verdicts tell of another day)
-- Hint: run: python govern/refresh_views.py --full and then: python govern/validate_data.py --all; if it comes back, it is a
--   defect of the refresh, or somebody changes rows by hand.
WITH latest AS (
    SELECT organization_id, max(validation_run_id) AS validation_run_id
    FROM validation_runs
    WHERE organization_id <> 0
        AND started_at > %(started_at)s::timestamptz - %(judged_within_hours)s * interval '1 hour'
    GROUP BY organization_id
),
apart AS (
    SELECT latest.organization_id, r.message, row_number() OVER (ORDER BY latest.organization_id) AS rank
    FROM latest
    JOIN validation_results AS r USING (validation_run_id)
    WHERE r.check_name = 'layers_agree' AND NOT r.is_passed
        AND NOT EXISTS (
            SELECT FROM validation_results AS stale
            WHERE stale.validation_run_id = latest.validation_run_id
                AND stale.check_name = 'layers_up_to_date' AND NOT stale.is_passed
        )
)
SELECT
    NULL::bigint AS channel_id,
    count(*) AS found,
    format('%%s sites; site %%s: %%s', count(*), min(organization_id) FILTER (WHERE rank = 1),
        min(message) FILTER (WHERE rank = 1)) AS finding,
    jsonb_agg(jsonb_build_object('site_id', organization_id, 'message', message) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM apart
HAVING count(*) > 0
