-- One row per meter, weekday and hour on the site's wall clock, over the whole window. Units in the column names.
-- The meters first, once.
WITH meter AS MATERIALIZED (
    SELECT
        meter_id,
        regexp_replace(meter_name, %(formula)s, '''\1') AS meter_name,
        regexp_replace(site_name, %(formula)s, '''\1') AS site_name
    FROM v_meters
    WHERE site_id = %(site_id)s AND is_counted
        AND meter_id NOT IN (SELECT meter_id FROM v_quarantined_channels WHERE site_id = %(site_id)s)
)
SELECT
    h.site_id,
    m.site_name,
    h.meter_id,
    m.meter_name,
    extract(isodow FROM h.local_hour)::integer AS weekday_iso,
    extract(hour FROM h.local_hour)::integer AS hour_local,
    count(*) AS hours_counted,
    avg(h.total_kwh) AS mean_energy_kwh,
    avg(h.avg_kw) AS mean_power_kw,
    max(h.max_kw) AS max_power_kw
FROM v_readings_hourly AS h
JOIN meter AS m USING (meter_id)
WHERE h.site_id = %(site_id)s AND h.hour >= %(start)s AND h.hour < %(end)s
GROUP BY h.site_id, m.site_name, h.meter_id, m.meter_name, extract(isodow FROM h.local_hour),
    extract(hour FROM h.local_hour)
ORDER BY h.meter_id, weekday_iso, hour_local
