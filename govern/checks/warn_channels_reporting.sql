-- Every energy channel that ever reported still does.
-- Hint: look at the sensor health of the report; a silent meter needs a visit.
SELECT format('channel %%s %%L: nothing since %%s (UTC)', m.meter_id, m.meter_name,
    to_char(latest.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS finding
FROM v_meters AS m
JOIN v_latest_readings AS latest USING (meter_id)
WHERE m.site_id = %(site_id)s
    AND m.is_energy_meter
    AND (SELECT c.is_listed FROM channels AS c WHERE c.channel_id = m.meter_id)
    AND m.uninstalled_at IS NULL
    AND latest.timestamp < (
        SELECT max(window_end) FROM ingestion_logs WHERE organization_id = %(site_id)s AND channel_id <> 0
    ) - %(max_lag_hours)s * interval '1 hour'
ORDER BY m.meter_id
