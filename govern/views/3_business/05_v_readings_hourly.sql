-- Grain: one row per meter, site and UTC hour that has readings, labelled by its start. Units: kWh, kW, percent.
-- Time zone: hour is UTC; local_hour is the site's wall clock.
CREATE VIEW v_readings_hourly AS
SELECT
    m.meter_id,
    m.meter_name,
    m.site_id,
    m.site_name,
    u.hour,
    u.hour AT TIME ZONE m.timezone AS local_hour,
    u.avg_kw * m.unit_factor AS avg_kw,
    u.max_kw * m.unit_factor AS max_kw,
    u.total_kwh * m.unit_factor AS total_kwh,
    u.reading_count,
    u.covered_s / 36.0::double precision AS completeness_pct,
    u.missing_count,
    u.negative_count
-- By the site for which the readings were fetched; the channels of the site lead to them.
FROM v_memberships AS m
JOIN mv_hourly_usage AS u ON u.meter_id = m.meter_id AND u.site_id = m.site_id
WHERE u.hour < m.counts_before;

COMMENT ON VIEW v_readings_hourly IS 'Hourly use of each meter.';
COMMENT ON COLUMN v_readings_hourly.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_readings_hourly.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_readings_hourly.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_readings_hourly.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_readings_hourly.hour IS 'Start of the hour, UTC.';
COMMENT ON COLUMN v_readings_hourly.local_hour IS 'Start of the hour on the site''s wall clock.';
COMMENT ON COLUMN v_readings_hourly.avg_kw IS 'Mean of the intervals'' mean power, kW.';
COMMENT ON COLUMN v_readings_hourly.max_kw IS 'Highest interval mean power, kW.';
COMMENT ON COLUMN v_readings_hourly.total_kwh IS 'Energy, kWh.';
COMMENT ON COLUMN v_readings_hourly.reading_count IS 'Intervals that have an energy.';
COMMENT ON COLUMN v_readings_hourly.completeness_pct IS 'Share of the hour covered by readings that have an energy, percent.';
COMMENT ON COLUMN v_readings_hourly.missing_count IS 'Intervals that were received without an energy.';
COMMENT ON COLUMN v_readings_hourly.negative_count IS 'Intervals whose energy is negative: a counter was reset.';
