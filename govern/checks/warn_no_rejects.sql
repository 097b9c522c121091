-- The last ingest could place every record that the service sent.
-- Hint: records without a time or off the grid are lost; ingestion_logs.error counts them: show it to the vendor.
SELECT format('channel %%s, window from %%s: %%s', l.channel_id,
    to_char(l.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), l.error) AS finding
FROM ingestion_logs AS l
WHERE l.organization_id = %(site_id)s
    AND l.run_id = (SELECT max(run_id) FROM ingestion_logs WHERE organization_id = %(site_id)s)
    AND l.status = 'done'
    -- A record that only came twice is no loss.
    AND l.error ~ '(no_timestamp|off_grid|outside_window)'
ORDER BY l.channel_id, l.window_start
