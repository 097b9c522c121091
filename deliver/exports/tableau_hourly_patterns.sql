-- One row per meter, weekday and hour on the site's wall clock, over the whole window. Units in the column names.
SELECT
    site_id,
    regexp_replace(site_name, %(formula)s, '''\1') AS site_name,
    meter_id,
    regexp_replace(meter_name, %(formula)s, '''\1') AS meter_name,
    extract(isodow FROM local_hour)::integer AS weekday_iso,
    extract(hour FROM local_hour)::integer AS hour_local,
    count(*) AS hours_counted,
    avg(total_kwh) AS mean_energy_kwh,
    avg(avg_kw) AS mean_power_kw,
    max(max_kw) AS max_power_kw
FROM v_readings_hourly
WHERE site_id = %(site_id)s AND hour >= %(start)s AND hour < %(end)s
    AND meter_id NOT IN (SELECT meter_id FROM v_quarantined_channels WHERE site_id = %(site_id)s)
    AND meter_id IN (SELECT meter_id FROM v_meters WHERE site_id = %(site_id)s AND is_counted)
GROUP BY site_id, site_name, meter_id, meter_name, extract(isodow FROM local_hour), extract(hour FROM local_hour)
ORDER BY meter_id, weekday_iso, hour_local
