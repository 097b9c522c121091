-- Gaps of the ledger that touch the window, by meter and state; intervals as far as they lie within it.
SELECT
    meter_id,
    state,
    count(*),
    sum(extract(epoch FROM least(gap_end, %(until)s) - greatest(gap_start, %(since)s)) / interval_s)::bigint
FROM v_reading_gaps
WHERE site_id = %(site_id)s AND gap_start < %(until)s AND gap_end > %(since)s
GROUP BY meter_id, state
