-- Records in the ingest's quarantine, by meter and reason; one whose time could not be read counts when it was seen.
SELECT meter_id, reason, count(*)
FROM v_rejected_readings
WHERE site_id = %(site_id)s
    AND coalesce(timestamp, first_seen_at) >= %(since)s
    AND coalesce(timestamp, first_seen_at) < %(until)s
GROUP BY meter_id, reason
