-- Grain: one row per meter, site and UTC hour that has readings, labelled by its start. Units: kWh, kW, percent.
-- Time zone: hour is UTC; local_hour is the site's wall clock.
CREATE VIEW v_readings_hourly AS
SELECT
    u.meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    o.name AS site_name,
    u.hour,
    u.hour AT TIME ZONE o.timezone AS local_hour,
    u.avg_kw * coalesce(facts.unit_factor, 1) AS avg_kw,
    u.max_kw * coalesce(facts.unit_factor, 1) AS max_kw,
    u.total_kwh * coalesce(facts.unit_factor, 1) AS total_kwh,
    u.reading_count,
    u.covered_s / 36.0::double precision AS completeness_pct,
    u.missing_count,
    u.negative_count
-- By the site for which the readings were fetched; the channels of the site lead to them.
FROM channel_sites AS m
JOIN mv_hourly_usage AS u ON u.meter_id = m.channel_id AND u.site_id = m.organization_id
JOIN channels AS c ON c.channel_id = m.channel_id
JOIN organizations AS o ON o.organization_id = m.organization_id
LEFT JOIN channel_facts AS facts ON facts.channel_id = m.channel_id AND facts.organization_id = m.organization_id
-- After its last day a meter counts no longer.
WHERE facts.counts_until IS NULL OR u.hour < (facts.counts_until + 1)::timestamp AT TIME ZONE o.timezone;

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
