-- No window is left that was asked for and not brought in by later attempts, be it in parts.
-- Scope: channel
-- Hint: look at ingestion_logs.error of these attempts, and ingest the windows again.
-- Hint for files: look at ingestion_logs.error of these attempts, and import the file again.
WITH open_attempts AS (
    SELECT l.*, row_number() OVER (PARTITION BY l.channel_id ORDER BY l.window_start, l.log_id) AS rank
    FROM ingestion_logs AS l
    WHERE l.organization_id = %(site_id)s
        AND l.channel_id <> 0
        AND l.status IN ('running', 'failed', 'interrupted')
        AND l.window_end >= %(lookback_start)s
        AND NOT coalesce(
            (
                SELECT range_agg(tstzrange(later.window_start, later.window_end))
                    @> tstzrange(l.window_start, l.window_end)
                FROM ingestion_logs AS later
                WHERE later.channel_id = l.channel_id
                    AND later.organization_id = l.organization_id
                    AND later.log_id > l.log_id
                    AND later.status IN ('done', 'unsupported')
                    AND later.window_start < l.window_end
                    AND later.window_end > l.window_start
            ),
            false
        )
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s windows, first from %%s: %%s%%s', count(*), utc_text(min(window_start)),
        min(status) FILTER (WHERE rank = 1), ' (' || left(min(error) FILTER (WHERE rank = 1), 160) || ')') AS finding,
    jsonb_agg(jsonb_build_object('log_id', log_id, 'window_start', utc_text(window_start), 'window_end',
        utc_text(window_end), 'status', status, 'error', left(error, 160)) ORDER BY rank) FILTER (WHERE rank <= 3)
        AS examples
FROM open_attempts
GROUP BY channel_id
ORDER BY channel_id
