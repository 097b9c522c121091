-- Grain: one row per meter, site and local day that has readings. Units: kWh, kW, s. Label: the local date.
-- Time zone: the site's; taken from the raw rows, for an hour in UTC can straddle two local days.
-- Recomputes stretches of whole days from the raw rows; a day without any readings left goes.
WITH touched AS (
    SELECT
        channel_id, site_id,
        (since AT TIME ZONE timezone)::date AS first_date,
        (until AT TIME ZONE timezone)::date AS end_date
    FROM unnest(
        %(channel_ids)s::bigint[], %(site_ids)s::bigint[], %(timezones)s::text[], %(since)s::timestamptz[],
        %(until)s::timestamptz[]
    ) AS stretch (channel_id, site_id, timezone, since, until)
)
DELETE FROM mv_daily_usage AS u
USING touched
WHERE u.meter_id = touched.channel_id AND u.site_id = touched.site_id
    AND u.local_date >= touched.first_date AND u.local_date < touched.end_date;

INSERT INTO mv_daily_usage (
    meter_id, local_date, avg_kw, min_kw, max_kw, total_kwh, reading_count, covered_s, missing_count, negative_count,
    site_id
)
SELECT fresh.*, touched.site_id
FROM unnest(
    %(channel_ids)s::bigint[], %(site_ids)s::bigint[], %(timezones)s::text[], %(since)s::timestamptz[],
    %(until)s::timestamptz[]
) AS touched (channel_id, site_id, timezone, since, until)
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
    WHERE r.channel_id = touched.channel_id AND r.organization_id = touched.site_id
        -- What belongs to a day is said by its date. The bounds only choose where to look, and leave room for a
        -- midnight that a clock change makes happen twice.
        AND r.timestamp >= touched.since - interval '3 hours'
        AND r.timestamp < touched.until + interval '3 hours'
        AND r.timestamp >= %(first)s::timestamptz - interval '3 hours'
        AND r.timestamp < %(last)s::timestamptz + interval '3 hours'
        AND (r.timestamp AT TIME ZONE touched.timezone)::date >= (touched.since AT TIME ZONE touched.timezone)::date
        AND (r.timestamp AT TIME ZONE touched.timezone)::date < (touched.until AT TIME ZONE touched.timezone)::date
    GROUP BY r.channel_id, (r.timestamp AT TIME ZONE touched.timezone)::date
) AS fresh
