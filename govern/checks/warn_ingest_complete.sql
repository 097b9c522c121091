-- No window is left that was asked for and not brought in by a later attempt.
-- Hint: look at ingestion_logs.error of these attempts, and ingest the windows again.
SELECT format('channel %%s, window from %%s: %%s%%s', l.channel_id,
    to_char(l.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), l.status,
    coalesce(' (' || left(l.error, 160) || ')', '')) AS finding
FROM ingestion_logs AS l
WHERE l.organization_id = %(site_id)s
    AND l.status IN ('running', 'failed', 'interrupted')
    AND l.window_end >= %(lookback_start)s
    AND NOT EXISTS (
        SELECT FROM ingestion_logs AS later
        WHERE later.channel_id = l.channel_id
            AND later.organization_id = l.organization_id
            AND later.log_id > l.log_id
            AND later.status IN ('done', 'unsupported')
            -- Registrations (channel 0) have no window of their own.
            AND (l.channel_id = 0 OR (later.window_start <= l.window_start AND later.window_end >= l.window_end))
    )
ORDER BY l.channel_id, l.window_start
