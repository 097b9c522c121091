-- Grain: one row per meter and site that has a reading. Units: kWh, kW.
-- Time zone: timestamp is UTC; local_timestamp is the site's wall clock.
-- The form for tables spread by Citus, which allows no LIMIT in a LATERAL: a reading is looked for since the newest day
-- that Layer 2 has of its meter.
CREATE VIEW v_latest_readings AS
SELECT DISTINCT ON (r.channel_id, r.organization_id)
    r.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    o.name AS site_name,
    r.timestamp,
    r.timestamp AT TIME ZONE o.timezone AS local_timestamp,
    r.interval_s,
    r.energy_kwh * coalesce(facts.unit_factor, 1) AS energy_kwh,
    r.power_kw * coalesce(facts.unit_factor, 1) AS power_kw
FROM (SELECT meter_id, site_id, max(local_date) AS newest_date FROM mv_daily_usage GROUP BY meter_id, site_id) AS day
JOIN readings AS r
    ON r.channel_id = day.meter_id AND r.organization_id = day.site_id
    AND r.timestamp >= (day.newest_date - 1)::timestamp AT TIME ZONE 'UTC'
JOIN channel_sites AS m ON m.channel_id = r.channel_id AND m.organization_id = r.organization_id
JOIN channels AS c ON c.channel_id = r.channel_id
JOIN organizations AS o ON o.organization_id = m.organization_id
LEFT JOIN channel_facts AS facts ON facts.channel_id = m.channel_id AND facts.organization_id = m.organization_id
ORDER BY r.channel_id, r.organization_id, r.timestamp DESC;

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
