-- The last ingest ran to its end, for every channel.
-- Hint: look at ingestion_logs.error of that run, and run the ingest again.
SELECT format('channel %%s: %%s%%s', l.channel_id, l.status, coalesce(' (' || left(l.error, 160) || ')', '')) AS finding
FROM ingestion_logs AS l
WHERE l.organization_id = %(site_id)s
    AND l.run_id = (SELECT max(run_id) FROM ingestion_logs WHERE organization_id = %(site_id)s)
    AND l.status IN ('running', 'failed', 'interrupted')
ORDER BY l.channel_id, l.window_start
