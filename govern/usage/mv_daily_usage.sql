-- Grain: one row per meter and local day that has readings. Units: kWh, kW, s. Label: the local date.
-- Time zone: the site's; taken from the raw rows, for an hour in UTC can straddle two local days.
-- Recomputes whole days from the raw rows; a day without any readings left goes.
DELETE FROM mv_daily_usage AS u
USING (
    SELECT channel_id, unnest(days) AS span
    FROM unnest(%(channel_ids)s::bigint[], %(days)s::datemultirange[]) AS change (channel_id, days)
) AS touched
WHERE u.meter_id = touched.channel_id AND u.local_date >= lower(touched.span) AND u.local_date < upper(touched.span);

INSERT INTO mv_daily_usage
    (meter_id, local_date, avg_kw, min_kw, max_kw, total_kwh, reading_count, covered_s, missing_count, negative_count)
SELECT fresh.*
FROM (
    SELECT channel_id, timezone, unnest(days) AS span
    FROM unnest(%(channel_ids)s::bigint[], %(timezones)s::text[], %(days)s::datemultirange[])
        AS change (channel_id, timezone, days)
) AS touched
CROSS JOIN LATERAL (
    SELECT
        r.channel_id AS meter_id,
        (r.timestamp AT TIME ZONE touched.timezone)::date AS local_date,
        avg(r.power_kw) AS avg_kw,
        min(r.power_kw) AS min_kw,
        max(r.power_kw) AS max_kw,
        sum(r.energy_kwh) AS total_kwh,
        count(r.energy_kwh) AS reading_count,
        coalesce(sum(r.interval_s) FILTER (WHERE r.energy_kwh IS NOT NULL), 0) AS covered_s,
        count(*) - count(r.energy_kwh) AS missing_count,
        count(*) FILTER (WHERE r.energy_kwh < 0) AS negative_count
    FROM readings AS r
    WHERE r.channel_id = touched.channel_id
        -- What belongs to a day is said by its date. The bounds only choose what to look at, and leave room for a
        -- midnight that a clock change makes happen twice, or not at all.
        AND r.timestamp >= (lower(touched.span)::timestamp AT TIME ZONE touched.timezone) - interval '3 hours'
        AND r.timestamp < (upper(touched.span)::timestamp AT TIME ZONE touched.timezone) + interval '3 hours'
        AND (r.timestamp AT TIME ZONE touched.timezone)::date <@ touched.span
    GROUP BY r.channel_id, (r.timestamp AT TIME ZONE touched.timezone)::date
) AS fresh
