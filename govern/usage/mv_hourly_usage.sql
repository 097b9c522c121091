-- Grain: one row per meter, site and UTC hour that has readings. Units: kWh, kW, s. Label: start of the hour.
-- Time zone: UTC.
-- Recomputes stretches of whole hours from the raw rows; an hour without any readings left goes.
-- The bounds of all stretches stand beside each stretch's own: by them the planner leaves out the other months.
WITH touched AS (
    SELECT *
    FROM unnest(
        %(channel_ids)s::bigint[], %(site_ids)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[]
    ) AS stretch (channel_id, site_id, since, until)
)
DELETE FROM mv_hourly_usage AS u
USING touched
WHERE u.meter_id = touched.channel_id AND u.site_id = touched.site_id
    AND u.hour >= touched.since AND u.hour < touched.until
    AND u.hour >= %(first)s::timestamptz AND u.hour < %(last)s::timestamptz;

INSERT INTO mv_hourly_usage
    (meter_id, hour, avg_kw, max_kw, total_kwh, reading_count, covered_s, missing_count, negative_count, site_id)
SELECT fresh.*, touched.site_id
FROM unnest(
    %(channel_ids)s::bigint[], %(site_ids)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[]
) AS touched (channel_id, site_id, since, until)
CROSS JOIN LATERAL (
    SELECT
        r.channel_id AS meter_id,
        date_trunc('hour', r.timestamp, 'UTC') AS hour,
        avg(r.power_kw) AS avg_kw,
        max(r.power_kw) AS max_kw,
        sum(r.energy_kwh) AS total_kwh,
        count(r.energy_kwh) AS reading_count,
        coalesce(sum(r.interval_s) FILTER (WHERE r.energy_kwh IS NOT NULL), 0) AS covered_s,
        count(*) - count(r.energy_kwh) AS missing_count,
        count(*) FILTER (WHERE r.energy_kwh < 0) AS negative_count
    FROM readings AS r
    WHERE r.channel_id = touched.channel_id AND r.organization_id = touched.site_id
        AND r.timestamp >= touched.since AND r.timestamp < touched.until
        AND r.timestamp >= %(first)s::timestamptz AND r.timestamp < %(last)s::timestamptz
    GROUP BY r.channel_id, date_trunc('hour', r.timestamp, 'UTC')
) AS fresh
