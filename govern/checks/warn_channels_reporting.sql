-- Every energy channel that ever reported still does, by its own cadence.
-- Scope: channel
-- Limit: max_lag_hours = 12 (a daily sync asks up to now; half a day behind means that the newest business day is missing)
-- Limit: max_lag_intervals = 8 (one late post of a gateway holds a few intervals; of long intervals more than half a day)
-- Hint: look at the sensor health of the report; a silent meter needs a visit.
SELECT
    m.meter_id AS channel_id,
    floor(extract(epoch FROM %(asked_until)s::timestamptz - latest.timestamp) / latest.interval_s)::bigint - 1 AS found,
    format('nothing since %%s', utc_text(latest.timestamp)) AS finding,
    jsonb_build_array(jsonb_build_object('timestamp', utc_text(latest.timestamp), 'interval_s', latest.interval_s))
        AS examples
FROM v_meters AS m
JOIN v_latest_readings AS latest USING (site_id, meter_id)
WHERE m.site_id = %(site_id)s
    AND m.is_energy_meter
    AND m.is_listed
    AND m.uninstalled_at IS NULL
    AND latest.timestamp < %(asked_until)s::timestamptz
        - greatest(%(max_lag_hours)s * 3600, %(max_lag_intervals)s * latest.interval_s) * interval '1 second'
ORDER BY m.meter_id
