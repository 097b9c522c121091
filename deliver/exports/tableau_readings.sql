-- One row per meter and interval, labelled by its start. Units in the column names.
-- The names are made safe once per meter, not once per row.
WITH meter AS MATERIALIZED (
    SELECT
        meter_id,
        regexp_replace(meter_name, %(formula)s, '''\1') AS meter_name,
        regexp_replace(site_name, %(formula)s, '''\1') AS site_name,
        regexp_replace(device_name, %(formula)s, '''\1') AS device_name
    FROM v_meters
    WHERE site_id = %(site_id)s AND is_counted
)
SELECT
    r.site_id,
    m.site_name,
    r.meter_id,
    m.meter_name,
    m.device_name,
    r.timestamp AT TIME ZONE 'UTC' AS timestamp_utc,
    r.local_timestamp AS timestamp_local,
    r.interval_s,
    r.energy_kwh,
    r.power_kw,
    r.reactive_power_kvar,
    r.voltage_v,
    r.current_a,
    r.power_factor,
    r.frequency_hz,
    r.temperature_c,
    r.relative_humidity_pct
FROM v_readings_enriched AS r
JOIN meter AS m USING (meter_id)
WHERE r.site_id = %(site_id)s AND r.timestamp >= %(start)s AND r.timestamp < %(end)s
    AND r.meter_id NOT IN (SELECT meter_id FROM v_quarantined_channels WHERE site_id = %(site_id)s)
ORDER BY r.meter_id, r.timestamp
