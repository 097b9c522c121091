-- Grain: one row per meter and UTC hour that has readings. Units: kWh, kW. Label: start of the hour. Time zone: UTC.
CREATE MATERIALIZED VIEW mv_hourly_usage AS
SELECT
    channel_id AS meter_id,
    date_trunc('hour', timestamp, 'UTC') AS hour,
    avg(power_kw) AS avg_kw,
    max(power_kw) AS max_kw,
    sum(energy_kwh) AS total_kwh,
    count(energy_kwh) AS reading_count
FROM readings
GROUP BY channel_id, date_trunc('hour', timestamp, 'UTC');

CREATE UNIQUE INDEX mv_hourly_usage_key ON mv_hourly_usage (meter_id, hour);

COMMENT ON MATERIALIZED VIEW mv_hourly_usage IS 'Use per meter and UTC hour.';
COMMENT ON COLUMN mv_hourly_usage.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN mv_hourly_usage.hour IS 'Start of the hour, UTC.';
COMMENT ON COLUMN mv_hourly_usage.avg_kw IS 'Mean of the intervals'' mean power, kW.';
COMMENT ON COLUMN mv_hourly_usage.max_kw IS 'Highest interval mean power, kW.';
COMMENT ON COLUMN mv_hourly_usage.total_kwh IS 'Energy of the hour, kWh; null when every interval''s energy is missing.';
COMMENT ON COLUMN mv_hourly_usage.reading_count IS 'Intervals that have an energy.';
