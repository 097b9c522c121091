-- Every interval starts on a multiple of its own length, so that no stretch of time is stored twice.
-- Hint: these rows overlap others; find the run that brought them (ingest_run_id) and have them removed.
SELECT format('channel %%s: %%s rows off the grid, first at %%s (UTC)', r.channel_id, count(*),
    to_char(min(r.timestamp) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS finding
FROM channels AS c
JOIN readings AS r USING (channel_id)
WHERE c.organization_id = %(site_id)s
    AND r.timestamp >= %(lookback_start)s
    AND extract(epoch FROM r.timestamp)::bigint %% r.interval_s <> 0
GROUP BY r.channel_id
ORDER BY r.channel_id
