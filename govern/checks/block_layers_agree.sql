-- Over the look-back, raw, hourly and daily energy of every channel are the same.
-- Scope: site
-- Limit: reconciliation_tolerance_kwh = 0.001 (sums of doubles in another order differ by rounding only)
-- Hint: run: python govern/refresh_views.py; if it stays, rows were changed by hand: run it with --full --site ID
WITH since AS (
    -- Whole hours and whole local days are compared, so that the cost follows the look-back and not the history.
    SELECT
        m.channel_id,
        m.organization_id AS site_id,
        date_trunc('hour', %(lookback_start)s::timestamptz, 'UTC') + interval '1 hour' AS first_hour,
        (%(lookback_start)s::timestamptz AT TIME ZONE o.timezone)::date + 1 AS first_day,
        o.timezone
    FROM channel_sites AS m
    JOIN organizations AS o USING (organization_id)
    WHERE m.organization_id = %(site_id)s
),
raw AS (
    SELECT
        r.channel_id,
        sum(r.energy_kwh) FILTER (WHERE r.timestamp >= s.first_hour) AS hourly_kwh,
        count(r.energy_kwh) FILTER (WHERE r.timestamp >= s.first_hour) AS hourly_count,
        sum(r.energy_kwh) FILTER (WHERE (r.timestamp AT TIME ZONE s.timezone)::date >= s.first_day) AS daily_kwh,
        count(r.energy_kwh) FILTER (WHERE (r.timestamp AT TIME ZONE s.timezone)::date >= s.first_day) AS daily_count
    FROM since AS s
    JOIN readings AS r ON r.channel_id = s.channel_id AND r.organization_id = s.site_id
    WHERE r.timestamp >= %(lookback_start)s
    GROUP BY r.channel_id
),
hourly AS (
    SELECT u.meter_id AS channel_id, sum(u.total_kwh) AS kwh, sum(u.reading_count) AS reading_count
    FROM since AS s
    JOIN mv_hourly_usage AS u ON u.meter_id = s.channel_id AND u.site_id = s.site_id
    WHERE u.hour >= s.first_hour AND u.hour >= %(lookback_start)s
    GROUP BY u.meter_id
),
daily AS (
    SELECT u.meter_id AS channel_id, sum(u.total_kwh) AS kwh, sum(u.reading_count) AS reading_count
    FROM since AS s
    JOIN mv_daily_usage AS u ON u.meter_id = s.channel_id AND u.site_id = s.site_id
    WHERE u.local_date >= s.first_day
    GROUP BY u.meter_id
),
compared AS (
    SELECT
        channel_id,
        'hourly' AS layer,
        coalesce(raw.hourly_kwh, 0) AS raw_kwh, coalesce(raw.hourly_count, 0) AS raw_count,
        coalesce(hourly.kwh, 0) AS kwh, coalesce(hourly.reading_count, 0) AS reading_count
    FROM raw FULL JOIN hourly USING (channel_id)
    UNION ALL
    SELECT
        channel_id,
        'daily',
        coalesce(raw.daily_kwh, 0), coalesce(raw.daily_count, 0),
        coalesce(daily.kwh, 0), coalesce(daily.reading_count, 0)
    FROM raw FULL JOIN daily USING (channel_id)
),
apart AS (
    SELECT *, row_number() OVER (ORDER BY abs(raw_kwh - kwh) DESC, channel_id, layer) AS rank
    FROM compared
    WHERE raw_count <> reading_count OR abs(raw_kwh - kwh) > %(reconciliation_tolerance_kwh)s
)
SELECT
    NULL::bigint AS channel_id,
    count(DISTINCT channel_id) AS found,
    string_agg(format('channel %%s: raw %%s kWh in %%s rows, %%s %%s kWh in %%s', channel_id,
        round(raw_kwh::numeric, 3), raw_count, layer, round(kwh::numeric, 3), reading_count), '; ' ORDER BY rank)
        FILTER (WHERE rank <= 3) AS finding,
    jsonb_agg(to_jsonb(apart) - 'rank' ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM apart
HAVING count(*) > 0
