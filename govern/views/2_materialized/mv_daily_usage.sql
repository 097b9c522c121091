-- Grain: one row per meter and local day that has readings. Units: kWh, kW. Label: the local date.
-- Time zone: the site's; taken from the raw rows, for an hour in UTC can straddle two local days.
CREATE MATERIALIZED VIEW mv_daily_usage AS
SELECT
    r.channel_id AS meter_id,
    (r.timestamp AT TIME ZONE o.timezone)::date AS local_date,
    avg(r.power_kw) AS avg_kw,
    min(r.power_kw) AS min_kw,
    max(r.power_kw) AS max_kw,
    sum(r.energy_kwh) AS total_kwh,
    count(r.energy_kwh) AS reading_count,
    sum(r.interval_s) FILTER (WHERE r.energy_kwh IS NOT NULL) AS covered_s
FROM readings AS r
JOIN channels AS c USING (channel_id)
JOIN organizations AS o USING (organization_id)
GROUP BY r.channel_id, (r.timestamp AT TIME ZONE o.timezone)::date;

CREATE UNIQUE INDEX mv_daily_usage_key ON mv_daily_usage (meter_id, local_date);

COMMENT ON MATERIALIZED VIEW mv_daily_usage IS 'Use per meter and local day.';
COMMENT ON COLUMN mv_daily_usage.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN mv_daily_usage.local_date IS 'Day on the site''s calendar; it has 23, 24 or 25 hours.';
COMMENT ON COLUMN mv_daily_usage.avg_kw IS 'Mean of the intervals'' mean power, kW.';
COMMENT ON COLUMN mv_daily_usage.min_kw IS 'Lowest interval mean power, kW.';
COMMENT ON COLUMN mv_daily_usage.max_kw IS 'Highest interval mean power, kW.';
COMMENT ON COLUMN mv_daily_usage.total_kwh IS 'Energy of the day, kWh; null when every interval''s energy is missing.';
COMMENT ON COLUMN mv_daily_usage.reading_count IS 'Intervals that have an energy.';
COMMENT ON COLUMN mv_daily_usage.covered_s IS 'Seconds of the day that those intervals cover.';
