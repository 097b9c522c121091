-- The latest attempt to register the site with its channels succeeded.
-- Scope: site
-- Hint: look at ingestion_logs.error of the attempt; until it succeeds, new and removed channels are not known.
-- Hint for files: look at ingestion_logs.error of the attempt, and import the file again.
SELECT
    NULL::bigint AS channel_id,
    1 AS found,
    format('%%s at %%s (%%s)', status, utc_text(started_at), coalesce(left(error, 160), 'no error was noted')) AS finding,
    jsonb_build_array(jsonb_build_object('log_id', log_id, 'status', status, 'error', left(error, 160))) AS examples
FROM (
    SELECT l.log_id, l.status, l.started_at, l.error
    FROM ingestion_logs AS l
    WHERE l.organization_id = %(site_id)s AND l.channel_id = 0
    ORDER BY l.log_id DESC
    LIMIT 1
) AS latest
WHERE status IN ('running', 'failed', 'interrupted')
