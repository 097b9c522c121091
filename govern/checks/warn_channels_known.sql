-- Every reading of the last days belongs to a channel that is registered at its site: no view shows the others.
-- Scope: system
-- Limit: unknown_within_days = 7 (a channel that is still unknown comes with every sync)
-- Hint: rows that no ingest of a registered site brought; have them removed, and ingest the site that the channel is of.
WITH stranger AS (
    -- What loads told the refresh of, and what it took up: the readings of all sites are too many to look through.
    -- Rows that no load brought are found by govern/check_database.py.
    SELECT s.channel_id
    FROM usage_state AS s
    LEFT JOIN channel_sites AS m USING (channel_id, organization_id)
    WHERE m.channel_id IS NULL
    UNION
    SELECT q.channel_id
    FROM usage_queue AS q
    LEFT JOIN channel_sites AS m USING (channel_id)
    WHERE m.channel_id IS NULL
),
unknown AS (
    SELECT r.channel_id, count(*) AS row_count, max(r.timestamp) AS last_at
    FROM stranger
    JOIN readings AS r USING (channel_id)
    LEFT JOIN channel_sites AS m USING (channel_id, organization_id)
    WHERE m.channel_id IS NULL
        AND r.timestamp >= %(started_at)s::timestamptz - %(unknown_within_days)s * interval '1 day'
    GROUP BY r.channel_id
),
ranked AS (
    SELECT *, row_number() OVER (ORDER BY row_count DESC, channel_id) AS rank FROM unknown
)
SELECT
    NULL::bigint AS channel_id,
    count(*) AS found,
    format('%%s unknown channels with %%s rows, such as channel %%s', count(*), sum(row_count),
        min(channel_id) FILTER (WHERE rank = 1)) AS finding,
    jsonb_agg(jsonb_build_object('channel_id', channel_id, 'rows', row_count, 'last', utc_text(last_at)) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM ranked
HAVING count(*) > 0
