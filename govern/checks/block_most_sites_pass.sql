-- Of the sites that were validated lately, most may pass: when most fail at once it is the pipeline, not the buildings.
-- Scope: system
-- Limit: judged_within_hours = 24 (older verdicts tell of another day)
-- Limit: max_held_sites_pct = 50 (sites fail one by one; more than half at once have one cause)
-- Limit: min_judged_sites = 4 (of fewer, two bad ones are a coincidence)
-- Hint: look at what the held sites have in common: the service, the network, the last change here; then validate --all.
WITH latest AS (
    SELECT organization_id, max(validation_run_id) AS validation_run_id
    FROM validation_runs
    WHERE organization_id <> 0
        AND started_at > %(started_at)s::timestamptz - %(judged_within_hours)s * interval '1 hour'
    GROUP BY organization_id
),
judged AS (
    SELECT latest.organization_id, v.verdict = 'open' AS is_held,
        row_number() OVER (PARTITION BY v.verdict ORDER BY latest.organization_id) AS rank
    FROM latest
    JOIN validation_runs AS v USING (validation_run_id)
)
SELECT
    NULL::bigint AS channel_id,
    count(*) FILTER (WHERE is_held) AS found,
    format('%%s of %%s sites are held back', count(*) FILTER (WHERE is_held), count(*)) AS finding,
    jsonb_agg(jsonb_build_object('site_id', organization_id) ORDER BY rank) FILTER (WHERE is_held AND rank <= 3)
        AS examples
FROM judged
HAVING count(*) >= %(min_judged_sites)s
    AND 100 * count(*) FILTER (WHERE is_held) > %(max_held_sites_pct)s * count(*)
