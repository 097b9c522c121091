-- Grain: one row per meter that has a reading. Units: kWh, kW.
-- Time zone: timestamp is UTC; local_timestamp is the site's wall clock.
CREATE VIEW v_latest_readings AS
SELECT
    c.channel_id AS meter_id,
    c.name AS meter_name,
    c.organization_id AS site_id,
    o.name AS site_name,
    latest.timestamp,
    latest.timestamp AT TIME ZONE o.timezone AS local_timestamp,
    latest.interval_s,
    latest.energy_kwh * coalesce(facts.unit_factor, 1) AS energy_kwh,
    latest.power_kw * coalesce(facts.unit_factor, 1) AS power_kw
FROM channels AS c
JOIN organizations AS o USING (organization_id)
LEFT JOIN channel_facts AS facts ON facts.channel_id = c.channel_id
CROSS JOIN LATERAL (
    SELECT r.timestamp, r.interval_s, r.energy_kwh, r.power_kw
    FROM readings AS r
    WHERE r.channel_id = c.channel_id
    ORDER BY r.timestamp DESC
    LIMIT 1
) AS latest;

COMMENT ON VIEW v_latest_readings IS 'The newest reading of each meter.';
COMMENT ON COLUMN v_latest_readings.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_latest_readings.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_latest_readings.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_latest_readings.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_latest_readings.timestamp IS 'Start of its newest interval, UTC.';
COMMENT ON COLUMN v_latest_readings.local_timestamp IS 'The same on the site''s wall clock.';
COMMENT ON COLUMN v_latest_readings.interval_s IS 'Length of the interval, seconds.';
COMMENT ON COLUMN v_latest_readings.energy_kwh IS 'Energy of that interval, kWh.';
COMMENT ON COLUMN v_latest_readings.power_kw IS 'Mean power of that interval, kW.';
