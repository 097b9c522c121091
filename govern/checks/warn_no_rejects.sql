-- The last ingest could use every record that came.
-- Scope: channel
-- Hint: what could not be used is in quarantine: python ingest/list_rejects.py --site ID lists it with the reasons.
-- Hint for files: FILE.rejects.csv beside the file names line, reason and fix; correct the lines and import the file again.
WITH lossy AS (
    SELECT l.*, row_number() OVER (PARTITION BY l.channel_id ORDER BY l.window_start) AS rank
    FROM ingestion_logs AS l
    WHERE l.organization_id = %(site_id)s
        AND l.run_id = (SELECT max(run_id) FROM ingestion_logs WHERE organization_id = %(site_id)s)
        AND l.status = 'done'
        -- A record that only came twice is no loss.
        AND l.error ~ '(no_timestamp|unparsable|unreadable|off_grid|in_future|too_old|outside_window|_energy|_limit|'
            'local_hour|conflicting|resolution)'
)
SELECT
    channel_id,
    sum(rejected)::bigint AS found,
    format('%%s windows, first from %%s: %%s', count(*), utc_text(min(window_start)), min(error) FILTER (WHERE rank = 1))
        AS finding,
    jsonb_agg(jsonb_build_object('log_id', log_id, 'window_start', utc_text(window_start), 'rejected', rejected,
        'error', left(error, 160)) ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM lossy
GROUP BY channel_id
ORDER BY channel_id
