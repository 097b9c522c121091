SELECT 'hour' AS grain, u.site_id, u.hour::text AS period, u.total_kwh, u.reading_count
FROM mv_hourly_usage AS u
WHERE u.meter_id = %(channel_id)s AND u.site_id = %(site_id)s
    AND u.hour = date_trunc('hour', %(moment)s::timestamptz, 'UTC')
UNION ALL
SELECT 'local day', u.site_id, u.local_date::text, u.total_kwh, u.reading_count
FROM mv_daily_usage AS u
JOIN organizations AS o ON o.organization_id = u.site_id
WHERE u.meter_id = %(channel_id)s AND u.site_id = %(site_id)s
    AND u.local_date = (%(moment)s::timestamptz AT TIME ZONE o.timezone)::date
