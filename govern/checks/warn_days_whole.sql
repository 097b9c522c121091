-- From a channel's first day in the look-back to the last that was asked for whole, no local day lacks much, by the
-- channel's own interval, be it with or without an energy: neither within its history nor, while it is listed, after its
-- last reading.
-- Scope: channel
-- Limit: min_day_completeness_pct = 90 (the report calls a meter incomplete from 10 % missing on)
-- Hint: run the ingest for these days again, the newest tomorrow: a gateway that was offline catches up within a day or
--   two. What stays empty was not measured, and reports count it as missing.
-- Hint for files: import a file that holds these days whole. What no file has was not measured, and reports count it as
--   missing.
WITH site AS MATERIALIZED (
    SELECT
        timezone,
        (%(lookback_start)s::timestamptz AT TIME ZONE timezone)::date AS before_first_date,
        (%(asked_until)s::timestamptz AT TIME ZONE timezone)::date - 1 AS last_whole_date
    FROM organizations
    WHERE organization_id = %(site_id)s
),
days AS MATERIALIZED (
    -- Gathered first: looked up day by day, those of every site would be read.
    SELECT u.meter_id AS channel_id, u.local_date, u.covered_s, u.missing_count, u.reading_count
    FROM channel_sites AS m
    JOIN mv_daily_usage AS u ON u.meter_id = m.channel_id AND u.site_id = m.organization_id
    WHERE m.organization_id = %(site_id)s
        AND u.local_date > (SELECT before_first_date FROM site)
),
meters AS MATERIALIZED (
    SELECT meter_id, interval_s, is_listed AND uninstalled_at IS NULL AS is_expected
    FROM v_meters
    WHERE site_id = %(site_id)s AND is_energy_meter
),
spans AS (
    SELECT
        u.channel_id, site.timezone, min(u.local_date) AS first_date, max(u.local_date) AS last_date,
        m.is_expected, m.interval_s, site.last_whole_date
    FROM site
    CROSS JOIN meters AS m
    JOIN days AS u ON u.channel_id = m.meter_id
    GROUP BY u.channel_id, m.is_expected, m.interval_s, site.timezone, site.last_whole_date
),
measured AS (
    SELECT
        s.channel_id, day::date AS local_date, day::date > s.last_date AS is_trailing,
        100.0 * coalesce(u.covered_s
            + u.missing_count * coalesce(u.covered_s / nullif(u.reading_count, 0), s.interval_s, 0), 0) / extract(epoch FROM (day + interval '1 day') AT TIME ZONE s.timezone
            - day AT TIME ZONE s.timezone) AS covered_pct
    FROM spans AS s
    CROSS JOIN LATERAL generate_series(
        (s.first_date + 1)::timestamp,
        CASE WHEN s.is_expected THEN s.last_whole_date ELSE least(s.last_date - 1, s.last_whole_date) END,
        interval '1 day') AS day
    LEFT JOIN days AS u ON u.channel_id = s.channel_id AND u.local_date = day::date
),
short AS (
    SELECT *, row_number() OVER (PARTITION BY channel_id ORDER BY covered_pct, local_date DESC) AS rank
    FROM measured
    WHERE covered_pct < %(min_day_completeness_pct)s
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s days, %%s of them after its last reading, worst %%s with %%s %%%%', count(*),
        count(*) FILTER (WHERE is_trailing), min(local_date) FILTER (WHERE rank = 1), round(min(covered_pct)))
        AS finding,
    jsonb_agg(jsonb_build_object('local_date', local_date, 'covered_pct', round(covered_pct, 1),
        'is_trailing', is_trailing) ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM short
GROUP BY channel_id
ORDER BY channel_id
