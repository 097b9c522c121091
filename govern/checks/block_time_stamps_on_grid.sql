-- Every interval starts on a multiple of its own length: a row beside the grid stores a stretch of time a second time.
-- Scope: channel
-- Hint: these rows overlap others; find the run that brought them (ingest_run_id) and have them removed.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.interval_s, r.ingest_run_id,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY r.timestamp) AS rank
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND extract(epoch FROM r.timestamp)::bigint %% r.interval_s <> 0
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows off the grid, first at %%s', count(*), utc_text(min(timestamp))) AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'interval_s', interval_s, 'ingest_run_id',
        ingest_run_id) ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
