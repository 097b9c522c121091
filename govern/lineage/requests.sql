-- Newest first; the one whose run is the reading's ingest_run_id brought it, and those that filled some may have filled it.
SELECT l.log_id, l.run_id, l.window_start, l.window_end, l.data_source, l.started_at, l.status, l.fetched, l.inserted,
    l.duplicate, l.filled, l.rejected, l.revised, l.error
FROM ingestion_logs AS l
WHERE l.channel_id = %(channel_id)s AND l.window_start <= %(moment)s AND l.window_end > %(moment)s
ORDER BY l.log_id DESC
LIMIT 10
