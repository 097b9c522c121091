-- The channels whose readings of a stretch, at any site, are not all in Layer 2: by the hour, and by the local days that
-- lie wholly within it. Nothing may be dropped while there is one.
WITH raw AS (
    SELECT
        r.channel_id,
        r.organization_id AS site_id,
        count(r.energy_kwh) AS hourly_count,
        coalesce(sum(r.energy_kwh), 0) AS hourly_kwh,
        count(r.energy_kwh) FILTER (WHERE d.is_whole) AS daily_count,
        coalesce(sum(r.energy_kwh) FILTER (WHERE d.is_whole), 0) AS daily_kwh
    FROM readings AS r
    JOIN channel_sites AS m USING (channel_id, organization_id)
    JOIN organizations AS o USING (organization_id)
    CROSS JOIN LATERAL (
        SELECT (r.timestamp AT TIME ZONE o.timezone)::date
            BETWEEN (%(since)s::timestamptz AT TIME ZONE o.timezone)::date + 1
            AND (%(until)s::timestamptz AT TIME ZONE o.timezone)::date - 1 AS is_whole
    ) AS d
    WHERE r.timestamp >= %(since)s::timestamptz AND r.timestamp < %(until)s::timestamptz
    GROUP BY r.channel_id, r.organization_id
),
hourly AS (
    SELECT meter_id AS channel_id, site_id, sum(reading_count) AS reading_count, coalesce(sum(total_kwh), 0) AS kwh
    FROM mv_hourly_usage
    WHERE hour >= %(since)s::timestamptz AND hour < %(until)s::timestamptz
    GROUP BY meter_id, site_id
),
daily AS (
    SELECT
        u.meter_id AS channel_id, u.site_id, sum(u.reading_count) AS reading_count, coalesce(sum(u.total_kwh), 0) AS kwh
    FROM mv_daily_usage AS u
    JOIN organizations AS o ON o.organization_id = u.site_id
    WHERE u.local_date BETWEEN (%(since)s::timestamptz AT TIME ZONE o.timezone)::date + 1
        AND (%(until)s::timestamptz AT TIME ZONE o.timezone)::date - 1
    GROUP BY u.meter_id, u.site_id
)
SELECT DISTINCT channel_id
FROM raw
LEFT JOIN hourly USING (channel_id, site_id)
LEFT JOIN daily USING (channel_id, site_id)
WHERE raw.hourly_count <> coalesce(hourly.reading_count, 0)
    OR raw.daily_count <> coalesce(daily.reading_count, 0)
    OR abs(raw.hourly_kwh - coalesce(hourly.kwh, 0)) > %(tolerance_kwh)s
    OR abs(raw.daily_kwh - coalesce(daily.kwh, 0)) > %(tolerance_kwh)s
ORDER BY channel_id
