SELECT 'hour' AS grain, u.hour::text AS period, u.total_kwh, u.reading_count
FROM mv_hourly_usage AS u
WHERE u.meter_id = %(channel_id)s AND u.hour = date_trunc('hour', %(moment)s::timestamptz, 'UTC')
UNION ALL
SELECT 'local day', u.local_date::text, u.total_kwh, u.reading_count
FROM mv_daily_usage AS u
JOIN channels AS c ON c.channel_id = u.meter_id
JOIN organizations AS o USING (organization_id)
WHERE u.meter_id = %(channel_id)s AND u.local_date = (%(moment)s::timestamptz AT TIME ZONE o.timezone)::date
