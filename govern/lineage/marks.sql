SELECT timestamp, mark, detail, marked_at
FROM reading_marks
WHERE channel_id = %(channel_id)s AND timestamp <= %(moment)s AND timestamp > %(moment)s - interval '1 hour'
ORDER BY timestamp, mark
