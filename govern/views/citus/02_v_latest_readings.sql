-- Grain: one row per meter that has a reading. Units: kWh, kW.
-- Time zone: timestamp is UTC; local_timestamp is the site's wall clock.
-- The form for tables spread by Citus, which allows no LIMIT in a LATERAL: a reading is looked for since the newest day
-- that Layer 2 has of its meter.
CREATE VIEW v_latest_readings AS
SELECT DISTINCT ON (r.channel_id)
    r.channel_id AS meter_id,
    c.name AS meter_name,
    c.organization_id AS site_id,
    o.name AS site_name,
    r.timestamp,
    r.timestamp AT TIME ZONE o.timezone AS local_timestamp,
    r.interval_s,
    r.energy_kwh * coalesce(facts.unit_factor, 1) AS energy_kwh,
    r.power_kw * coalesce(facts.unit_factor, 1) AS power_kw
FROM (SELECT meter_id, max(local_date) AS newest_date FROM mv_daily_usage GROUP BY meter_id) AS day
JOIN readings AS r
    ON r.channel_id = day.meter_id
    AND r.timestamp >= (day.newest_date - 1)::timestamp AT TIME ZONE 'UTC'
JOIN channels AS c ON c.channel_id = r.channel_id
JOIN organizations AS o USING (organization_id)
LEFT JOIN channel_facts AS facts ON facts.channel_id = c.channel_id
ORDER BY r.channel_id, r.timestamp DESC;

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
