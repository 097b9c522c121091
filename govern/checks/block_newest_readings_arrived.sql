-- The newest energy reading of the site reaches up to what the last ingest asked for.
-- Hint: run the ingest again; if the end is still missing, the site's gateway is offline: call the site.
WITH asked AS (
    SELECT max(window_end) AS until
    FROM ingestion_logs
    WHERE organization_id = %(site_id)s AND channel_id <> 0 AND status <> 'running'
),
newest AS (
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
SELECT format('newest reading is of %%s, asked was up to %%s (UTC)',
    coalesce(to_char(newest.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), 'never'),
    to_char(asked.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS finding
FROM asked, newest
WHERE asked.until IS NOT NULL
    AND (newest.at IS NULL OR newest.at < asked.until - %(max_lag_hours)s * interval '1 hour')
