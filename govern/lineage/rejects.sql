SELECT reject_id, timestamp, reason, first_seen_at, last_seen_at, seen_count, first_run_id, readmitted_at, readmitted_by
FROM rejected_readings
WHERE channel_id = %(channel_id)s AND timestamp <= %(moment)s
    AND timestamp + interval_s * interval '1 second' > %(moment)s
ORDER BY reject_id
