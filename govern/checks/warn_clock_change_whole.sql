-- A day of a clock change has all its intervals (23 or 25 hours of them), and its changed hour does not hold double energy.
-- Scope: channel
-- Limit: max_doubling_ratio = 1.6 (some sites report the repeated hour's energy in its first pass; loads do not double by
--   the hour at night)
-- Limit: min_doubled_kwh = 0.1 (below it a ratio compares rounding errors)
-- Hint: where the hour before holds the energy of two, a known fault of the service: the day's total is right, its hours
--   are not; else run the ingest for the day again. Reports flag them as clock_change.
-- Hint for files: where the hour before holds the energy of two, the day's total is right and its hours are not; else the file
--   lacks the hour: export it again with offsets or in UTC, or import it with --clock. Reports flag them as clock_change.
WITH changes AS (
    -- The moment at which the site's offset changes; in a zone of half hours it is no hour of UTC.
    SELECT at, before_s - after_s AS repeated_s
    FROM organizations AS o
    CROSS JOIN generate_series(date_trunc('day', %(lookback_start)s::timestamptz, 'UTC'),
        coalesce(%(asked_until)s::timestamptz, clock_timestamp()), interval '15 minutes') AS at
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM (at - interval '1 second') AT TIME ZONE o.timezone)
                - extract(epoch FROM (at - interval '1 second') AT TIME ZONE 'UTC') AS before_s,
            extract(epoch FROM at AT TIME ZONE o.timezone) - extract(epoch FROM at AT TIME ZONE 'UTC') AS after_s
    ) AS zone_offset
    WHERE o.organization_id = %(site_id)s
        AND before_s <> after_s
        AND at - interval '2 hours' >= %(lookback_start)s
        AND at + interval '2 hours' <= %(asked_until)s
),
near AS MATERIALIZED (
    -- Between bounds that are known before: by the hours of a join, the rows of every site would be read.
    SELECT r.channel_id, r.timestamp, r.interval_s, r.energy_kwh
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= (SELECT min(at) - interval '2 hours' FROM changes)
        AND r.timestamp < (SELECT max(at) + interval '2 hours' FROM changes)
),
around AS (
    -- Four hours about the change: two before it, of which the second is that which an autumn repeats, and two after.
    SELECT r.channel_id, ch.at, ch.repeated_s,
        count(*) FILTER (WHERE r.timestamp < ch.at) * min(r.interval_s) AS before_s,
        count(*) FILTER (WHERE r.timestamp >= ch.at) * min(r.interval_s) AS after_s,
        sum(r.energy_kwh) FILTER (WHERE r.timestamp < ch.at - interval '1 hour') AS kwh_1,
        sum(r.energy_kwh) FILTER (WHERE r.timestamp >= ch.at - interval '1 hour' AND r.timestamp < ch.at) AS kwh_2,
        sum(r.energy_kwh) FILTER (WHERE r.timestamp >= ch.at AND r.timestamp < ch.at + interval '1 hour') AS kwh_3,
        sum(r.energy_kwh) FILTER (WHERE r.timestamp >= ch.at + interval '1 hour') AS kwh_4
    FROM changes AS ch
    JOIN near AS r ON r.timestamp >= ch.at - interval '2 hours' AND r.timestamp < ch.at + interval '2 hours'
    GROUP BY r.channel_id, ch.at, ch.repeated_s
),
judged AS (
    SELECT *, (14400 - before_s - after_s) AS missing_s,
        coalesce(kwh_2, 0) > %(min_doubled_kwh)s AND coalesce(kwh_3, 0) < coalesce(kwh_2, 0) / 10
            AND kwh_2 > %(max_doubling_ratio)s * (kwh_1 + kwh_4) / 2 AS is_doubled
    FROM around
)
SELECT
    channel_id,
    count(*) AS found,
    format('at the clock change of %%s %%s s about it are missing%%s', utc_text(max(at)), max(missing_s),
        CASE WHEN bool_or(is_doubled) THEN ', and the hour before holds the energy of two' ELSE '' END) AS finding,
    jsonb_agg(jsonb_build_object('at', utc_text(at), 'missing_s', missing_s, 'is_doubled', is_doubled) ORDER BY at)
        AS examples
FROM judged
WHERE missing_s <> 0 OR is_doubled
GROUP BY channel_id
ORDER BY channel_id
