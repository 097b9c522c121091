SELECT timestamp, column_name, old_value, new_value, seen_at, ingest_run_id
FROM reading_revisions
WHERE channel_id = %(channel_id)s AND timestamp <= %(moment)s AND timestamp > %(moment)s - interval '1 hour'
ORDER BY timestamp, column_name, seen_at
