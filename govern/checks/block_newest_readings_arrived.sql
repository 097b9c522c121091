-- The newest energy reading of the site reaches up to what the last ingest asked for.
-- Scope: site
-- Limit: max_lag_hours = 12 (a daily sync asks up to now; half a day behind means that the newest business day is missing)
-- Hint: run the ingest again; if the end is still missing, the site's gateway is offline: call the site.
WITH newest AS (
    SELECT max(latest.timestamp) AS at
    FROM channels AS c
    CROSS JOIN LATERAL (
        SELECT r.timestamp
        FROM readings AS r
        WHERE r.channel_id = c.channel_id AND r.energy_kwh IS NOT NULL
        ORDER BY r.timestamp DESC
        LIMIT 1
    ) AS latest
    WHERE c.organization_id = %(site_id)s
)
SELECT
    NULL::bigint AS channel_id,
    1 AS found,
    format('newest reading is of %%s, asked was up to %%s', coalesce(utc_text(at), 'never'),
        utc_text(%(asked_until)s::timestamptz)) AS finding,
    NULL::jsonb AS examples
FROM newest
WHERE at IS NULL AND %(asked_until)s::timestamptz IS NOT NULL
    OR at < %(asked_until)s::timestamptz - %(max_lag_hours)s * interval '1 hour'
