-- One row per meter over the whole window. Units in the column names.
WITH daily AS (
    SELECT
        meter_id,
        sum(total_kwh) AS energy_kwh,
        sum(reading_count)::bigint AS reading_count,
        count(*) AS days_with_readings,
        min(local_date) AS first_date_local,
        max(local_date) AS last_date_local,
        -- A day without any reading has no row, and counts as the nothing that it has.
        sum(completeness_pct) / (%(last_day)s::date - %(first_day)s::date + 1) AS completeness_pct
    FROM v_readings_daily
    WHERE site_id = %(site_id)s AND local_date >= %(first_day)s AND local_date <= %(last_day)s
    GROUP BY meter_id
),
hourly AS (
    SELECT meter_id, hour, local_hour, avg_kw, max_kw
    FROM v_readings_hourly
    WHERE site_id = %(site_id)s AND hour >= %(start)s AND hour < %(end)s
),
mean AS (
    SELECT meter_id, avg(avg_kw) AS mean_power_kw
    FROM hourly
    GROUP BY meter_id
),
peak AS (
    SELECT DISTINCT ON (meter_id)
        meter_id,
        max_kw AS peak_power_kw,
        hour AT TIME ZONE 'UTC' AS peak_hour_utc,
        local_hour AS peak_hour_local
    FROM hourly
    WHERE max_kw IS NOT NULL
    ORDER BY meter_id, max_kw DESC, hour
)
SELECT
    m.site_id,
    regexp_replace(m.site_name, %(formula)s, '''\1') AS site_name,
    m.meter_id,
    regexp_replace(m.meter_name, %(formula)s, '''\1') AS meter_name,
    regexp_replace(m.device_name, %(formula)s, '''\1') AS device_name,
    m.parent_meter_id,
    m.is_energy_meter,
    m.interval_s,
    daily.first_date_local,
    daily.last_date_local,
    daily.days_with_readings,
    daily.reading_count,
    daily.completeness_pct,
    daily.energy_kwh,
    mean.mean_power_kw,
    peak.peak_power_kw,
    peak.peak_hour_utc,
    peak.peak_hour_local
FROM v_meters AS m
LEFT JOIN daily USING (meter_id)
LEFT JOIN mean USING (meter_id)
LEFT JOIN peak USING (meter_id)
WHERE m.site_id = %(site_id)s AND m.is_counted
    AND m.meter_id NOT IN (SELECT meter_id FROM v_quarantined_channels WHERE site_id = %(site_id)s)
ORDER BY m.meter_id
