-- Intervals of the window that the source later reported otherwise, by meter.
SELECT meter_id, count(DISTINCT timestamp)
FROM v_reading_revisions
WHERE site_id = %(site_id)s AND timestamp >= %(since)s AND timestamp < %(until)s
GROUP BY meter_id
