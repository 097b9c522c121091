-- Grain: one row per meter (channel). Units: seconds.
-- Time zone: UTC.
CREATE VIEW v_meters AS
SELECT
    c.channel_id AS meter_id,
    c.name AS meter_name,
    c.organization_id AS site_id,
    o.name AS site_name,
    c.device_id,
    d.name AS device_name,
    c.device_type_id AS device_type,
    coalesce(d.uuid, left(c.uuid, 12)) AS device_uuid,
    parent.channel_id AS parent_meter_id,
    -- A sensor (temperature, CO2) has no energy; a channel is an energy meter unless it is known to lack the field.
    coalesce('E' = ANY (c.fields), c.is_metering_point, true)
        AND NOT c.is_unsupported
        AND coalesce(facts.kind, '') <> 'sensor' AS is_energy_meter,
    latest.interval_s,
    c.installed_at,
    c.uninstalled_at,
    c.status,
    facts.kind,
    coalesce(facts.must_run, false) AS must_run
FROM channels AS c
JOIN organizations AS o USING (organization_id)
LEFT JOIN devices AS d ON d.device_id = c.device_id
LEFT JOIN channel_facts AS facts ON facts.channel_id = c.channel_id
LEFT JOIN channels AS parent
    ON parent.channel_id = coalesce(facts.parent_id, c.parent_id)
    AND parent.organization_id = c.organization_id
    AND parent.channel_id <> c.channel_id
LEFT JOIN v_latest_readings AS latest ON latest.meter_id = c.channel_id;

COMMENT ON VIEW v_meters IS 'Meters of every site.';
COMMENT ON COLUMN v_meters.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_meters.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_meters.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_meters.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_meters.device_id IS 'Device that measures it.';
COMMENT ON COLUMN v_meters.device_name IS 'Name of the device; text from outside.';
COMMENT ON COLUMN v_meters.device_type IS 'Type number of the device.';
COMMENT ON COLUMN v_meters.device_uuid IS 'Hardware id of the device (MAC address).';
COMMENT ON COLUMN v_meters.parent_meter_id IS 'Meter of the same site whose energy contains this one''s, if any.';
COMMENT ON COLUMN v_meters.is_energy_meter IS 'False for sensors and for channels that the service does not serve.';
COMMENT ON COLUMN v_meters.interval_s IS 'Interval of its newest reading, seconds; null before the first.';
COMMENT ON COLUMN v_meters.installed_at IS 'When it was installed, UTC.';
COMMENT ON COLUMN v_meters.uninstalled_at IS 'When it was removed, UTC.';
COMMENT ON COLUMN v_meters.status IS 'Status word of the service.';
COMMENT ON COLUMN v_meters.kind IS 'What it measures, as the site''s file says: load, generation, storage, main (import and export) or sensor; null where it does not.';
COMMENT ON COLUMN v_meters.must_run IS 'The site''s file says that it is needed while the site is closed.';
