-- A channel has one interval length in the look-back: two would overlap and count energy twice.
-- Scope: channel
-- Hint: ingest with one --resolution only, and have the other rows removed.
-- Hint for files: import files of one --interval-minutes only, and have the other rows removed.
WITH lengths AS (
    SELECT r.channel_id, r.interval_s, count(*) AS row_count, min(r.timestamp) AS first_at
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s
    GROUP BY r.channel_id, r.interval_s
)
SELECT
    channel_id,
    (sum(row_count) - max(row_count))::bigint AS found,
    format('intervals of %%s s', string_agg(interval_s::text, ' and ' ORDER BY interval_s)) AS finding,
    jsonb_agg(jsonb_build_object('interval_s', interval_s, 'rows', row_count, 'first', utc_text(first_at))
        ORDER BY interval_s) AS examples
FROM lengths
GROUP BY channel_id
HAVING count(*) > 1
ORDER BY channel_id
