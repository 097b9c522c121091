-- Completeness of each energy meter on each local day of the window; null where nothing was to be expected of it yet, or
-- no more.
SELECT
    m.meter_id,
    day::date AS local_date,
    -- Of the day that it began on only a part could be expected.
    CASE WHEN (day::date > span.first_date OR d.completeness_pct >= 100) AND day::date <= coalesce(span.last_date, day::date)
        THEN round(coalesce(d.completeness_pct, 0)::numeric, 1)::double precision
    END AS completeness_pct
FROM v_meters AS m
JOIN v_sites AS s USING (site_id)
LEFT JOIN (
    SELECT u.meter_id, min(u.local_date) AS first_date
    FROM mv_daily_usage AS u
    JOIN channel_sites AS c ON c.channel_id = u.meter_id AND c.organization_id = u.site_id
    WHERE c.organization_id = %(site_id)s
    GROUP BY u.meter_id
) AS begun USING (meter_id)
CROSS JOIN LATERAL (
    SELECT
        coalesce(begun.first_date, (m.installed_at AT TIME ZONE s.timezone)::date) AS first_date,
        (m.uninstalled_at AT TIME ZONE s.timezone)::date - 1 AS last_date
) AS span
CROSS JOIN generate_series(%(first_date)s::date::timestamp, %(last_date)s::date::timestamp, interval '1 day') AS day
LEFT JOIN v_readings_daily AS d ON d.site_id = m.site_id AND d.meter_id = m.meter_id AND d.local_date = day::date
WHERE m.site_id = %(site_id)s AND m.is_energy_meter AND NOT m.is_excluded
ORDER BY m.meter_id, day
