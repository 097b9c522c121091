-- One row per meter and local day; the day's bounds stand in UTC beside it. Units in the column names.
-- The meters first, once.
WITH meter AS MATERIALIZED (
    SELECT
        m.meter_id,
        regexp_replace(m.meter_name, %(formula)s, '''\1') AS meter_name,
        regexp_replace(m.site_name, %(formula)s, '''\1') AS site_name,
        s.timezone
    FROM v_meters AS m
    JOIN v_sites AS s USING (site_id)
    WHERE m.site_id = %(site_id)s AND m.is_counted
        AND m.meter_id NOT IN (SELECT meter_id FROM v_quarantined_channels WHERE site_id = %(site_id)s)
)
SELECT
    d.site_id,
    m.site_name,
    d.meter_id,
    m.meter_name,
    d.local_date AS date_local,
    d.local_date::timestamp AT TIME ZONE m.timezone AT TIME ZONE 'UTC' AS day_start_utc,
    (d.local_date + 1)::timestamp AT TIME ZONE m.timezone AT TIME ZONE 'UTC' AS day_end_utc,
    extract(isodow FROM d.local_date)::integer AS weekday_iso,
    d.total_kwh AS energy_kwh,
    d.avg_kw AS mean_power_kw,
    d.min_kw AS min_power_kw,
    d.max_kw AS max_power_kw,
    d.reading_count,
    d.completeness_pct
FROM v_readings_daily AS d
JOIN meter AS m USING (meter_id)
WHERE d.site_id = %(site_id)s AND d.local_date >= %(first_day)s AND d.local_date <= %(last_day)s
ORDER BY d.meter_id, d.local_date
