-- Grain: one row per meter and site that has a reading. Units: kWh, kW.
-- Time zone: timestamp is UTC; local_timestamp is the site's wall clock.
CREATE VIEW v_latest_readings AS
SELECT
    c.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    o.name AS site_name,
    latest.timestamp,
    latest.timestamp AT TIME ZONE o.timezone AS local_timestamp,
    latest.interval_s,
    latest.energy_kwh * coalesce(facts.unit_factor, 1) AS energy_kwh,
    latest.power_kw * coalesce(facts.unit_factor, 1) AS power_kw
FROM channel_sites AS m
JOIN channels AS c USING (channel_id)
JOIN organizations AS o ON o.organization_id = m.organization_id
LEFT JOIN channel_facts AS facts ON facts.channel_id = m.channel_id AND facts.organization_id = m.organization_id
CROSS JOIN LATERAL (
    SELECT r.timestamp, r.interval_s, r.energy_kwh, r.power_kw
    FROM readings AS r
    -- The bound leaves out what a meter that moved away measured since.
    WHERE r.channel_id = m.channel_id AND r.organization_id = m.organization_id AND r.timestamp < m.member_until
    ORDER BY r.timestamp DESC
    LIMIT 1
) AS latest;

COMMENT ON VIEW v_latest_readings IS 'The newest reading of each meter, at each site that it belonged to.';
COMMENT ON COLUMN v_latest_readings.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_latest_readings.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_latest_readings.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_latest_readings.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_latest_readings.timestamp IS 'Start of its newest interval, UTC.';
COMMENT ON COLUMN v_latest_readings.local_timestamp IS 'The same on the site''s wall clock.';
COMMENT ON COLUMN v_latest_readings.interval_s IS 'Length of the interval, seconds.';
COMMENT ON COLUMN v_latest_readings.energy_kwh IS 'Energy of that interval, kWh.';
COMMENT ON COLUMN v_latest_readings.power_kw IS 'Mean power of that interval, kW.';
