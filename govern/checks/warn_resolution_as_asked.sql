-- A channel's intervals are as long as the ingest asked for: the service coarsens long windows without saying so.
-- Scope: channel
-- Hint: ingest shorter windows at the resolution that is wanted, after the coarse rows were removed.
WITH lengths AS (
    SELECT r.channel_id, r.interval_s, count(*) AS row_count, min(r.timestamp) AS first_at
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s
    GROUP BY r.channel_id, r.interval_s
),
asked AS (
    SELECT l.channel_id, array_agg(DISTINCT l.interval_s) AS lengths_s
    FROM ingestion_logs AS l
    WHERE l.organization_id = %(site_id)s AND l.channel_id <> 0
    GROUP BY l.channel_id
)
SELECT
    channel_id,
    sum(row_count)::bigint AS found,
    format('intervals of %%s s, asked were %%s s', string_agg(interval_s::text, ' and ' ORDER BY interval_s),
        array_to_string(min(lengths_s), ' and ')) AS finding,
    jsonb_agg(jsonb_build_object('interval_s', interval_s, 'rows', row_count, 'first', utc_text(first_at))
        ORDER BY interval_s) AS examples
FROM lengths
JOIN asked USING (channel_id)
WHERE interval_s <> ALL (lengths_s)
GROUP BY channel_id
ORDER BY channel_id
