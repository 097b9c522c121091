SELECT gap_start, gap_end, missing_count, kind, state, asked_count, last_asked_at, reason, accepted_by
FROM reading_gaps
WHERE channel_id = %(channel_id)s AND gap_start <= %(moment)s AND gap_end > %(moment)s
