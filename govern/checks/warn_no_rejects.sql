-- The last ingest could use every record that the service sent.
-- Hint: what could not be used is in quarantine: python ingest/list_rejects.py --site ID lists it with the reasons.
SELECT format('channel %%s, window from %%s: %%s', l.channel_id,
    to_char(l.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), l.error) AS finding
FROM ingestion_logs AS l
WHERE l.organization_id = %(site_id)s
    AND l.run_id = (SELECT max(run_id) FROM ingestion_logs WHERE organization_id = %(site_id)s)
    AND l.status = 'done'
    -- A record that only came twice is no loss.
    AND l.error ~ '(no_timestamp|unparsable|off_grid|in_future|outside_window|_energy|_limit)'
ORDER BY l.channel_id, l.window_start
