-- The newest reading of energy or power of the site reaches up to what the last ingest asked for.
-- Scope: site
-- Limit: max_lag_hours = 12 (a daily sync asks up to now; half a day behind means that the newest business day is missing)
-- Hint: run the ingest again; if the end is still missing, the site's gateway is offline: call the site.
-- Hint for files: import a file that reaches up to there; a last row far beyond the others has a wrong date.
WITH newest AS (
    SELECT max(r.timestamp) AS at
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s
        AND (r.energy_kwh IS NOT NULL OR r.power_kw IS NOT NULL)
)
SELECT
    NULL::bigint AS channel_id,
    1 AS found,
    format('newest reading is %%s, asked was up to %%s',
        coalesce('of ' || utc_text(at), 'older than ' || utc_text(%(lookback_start)s::timestamptz)),
        utc_text(%(asked_until)s::timestamptz)) AS finding,
    NULL::jsonb AS examples
FROM newest
WHERE at IS NULL AND %(asked_until)s::timestamptz IS NOT NULL
    OR at < %(asked_until)s::timestamptz - %(max_lag_hours)s * interval '1 hour'
