-- Raw, hourly and daily energy of every channel are the same, so the materialized views are as new as the raw rows.
-- Hint: run: python govern/refresh_views.py
WITH raw AS (
    SELECT r.channel_id, sum(r.energy_kwh) AS kwh, count(r.energy_kwh) AS reading_count
    FROM channels AS c JOIN readings AS r USING (channel_id)
    WHERE c.organization_id = %(site_id)s
    GROUP BY r.channel_id
),
hourly AS (
    SELECT u.meter_id AS channel_id, sum(u.total_kwh) AS kwh, sum(u.reading_count) AS reading_count
    FROM mv_hourly_usage AS u JOIN channels AS c ON c.channel_id = u.meter_id
    WHERE c.organization_id = %(site_id)s
    GROUP BY u.meter_id
),
daily AS (
    SELECT u.meter_id AS channel_id, sum(u.total_kwh) AS kwh, sum(u.reading_count) AS reading_count
    FROM mv_daily_usage AS u JOIN channels AS c ON c.channel_id = u.meter_id
    WHERE c.organization_id = %(site_id)s
    GROUP BY u.meter_id
)
SELECT format('channel %%s: raw %%s kWh in %%s rows, hourly %%s in %%s, daily %%s in %%s', channel_id,
    round(coalesce(raw.kwh, 0)::numeric, 3), coalesce(raw.reading_count, 0),
    round(coalesce(hourly.kwh, 0)::numeric, 3), coalesce(hourly.reading_count, 0),
    round(coalesce(daily.kwh, 0)::numeric, 3), coalesce(daily.reading_count, 0)) AS finding
FROM raw
FULL JOIN hourly USING (channel_id)
FULL JOIN daily USING (channel_id)
WHERE coalesce(raw.reading_count, 0) <> coalesce(hourly.reading_count, 0)
    OR coalesce(raw.reading_count, 0) <> coalesce(daily.reading_count, 0)
    OR abs(coalesce(raw.kwh, 0) - coalesce(hourly.kwh, 0)) > %(reconciliation_tolerance_kwh)s
    OR abs(coalesce(raw.kwh, 0) - coalesce(daily.kwh, 0)) > %(reconciliation_tolerance_kwh)s
ORDER BY channel_id
