-- Between a channel's first and its last day in the look-back, no local day lacks much (by its own interval).
-- Scope: channel
-- Limit: min_day_completeness_pct = 90 (the report calls a meter incomplete from 10 % missing on)
-- Limit: newest_days = 3 (the newest days are another check's)
-- Hint: run the ingest for these days again; what stays empty was not measured, and reports count it as missing.
WITH days AS (
    SELECT c.channel_id, day::date AS local_date, o.timezone,
        coalesce(c.installed_at, '-infinity') AS installed_at
    FROM organizations AS o
    JOIN v_meters AS m ON m.site_id = o.organization_id AND m.is_energy_meter
    JOIN channels AS c ON c.channel_id = m.meter_id
    CROSS JOIN LATERAL (
        SELECT min(u.local_date) AS first_date, max(u.local_date) AS last_date
        FROM mv_daily_usage AS u
        WHERE u.meter_id = c.channel_id AND u.local_date > (%(lookback_start)s::timestamptz AT TIME ZONE o.timezone)::date
    ) AS span
    CROSS JOIN LATERAL generate_series(
        (span.first_date + 1)::timestamp,
        least(span.last_date - 1, (%(asked_until)s::timestamptz AT TIME ZONE o.timezone)::date - 1 - %(newest_days)s),
        interval '1 day') AS day
    WHERE o.organization_id = %(site_id)s
),
measured AS (
    SELECT d.channel_id, d.local_date,
        100.0 * coalesce(u.covered_s, 0) / extract(epoch FROM ((d.local_date + 1)::timestamp AT TIME ZONE d.timezone)
            - (d.local_date::timestamp AT TIME ZONE d.timezone)) AS covered_pct
    FROM days AS d
    LEFT JOIN mv_daily_usage AS u ON u.meter_id = d.channel_id AND u.local_date = d.local_date
),
short AS (
    SELECT *, row_number() OVER (PARTITION BY channel_id ORDER BY covered_pct, local_date DESC) AS rank
    FROM measured
    WHERE covered_pct < %(min_day_completeness_pct)s
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s days, worst %%s with %%s %%%%', count(*), min(local_date) FILTER (WHERE rank = 1), round(min(covered_pct)))
        AS finding,
    jsonb_agg(jsonb_build_object('local_date', local_date, 'covered_pct', round(covered_pct, 1)) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM short
GROUP BY channel_id
ORDER BY channel_id
