-- Grain: one row per meter (channel) and site that it belongs or belonged to: what the views of readings say of it.
-- Time zone: none; timezone names the site's.
-- DISTINCT keeps it a step of its own, into which a site still reaches: the server underrates how many readings a site
-- has, and would otherwise look up its name for each of them.
CREATE VIEW v_memberships AS
SELECT DISTINCT ON (m.organization_id, m.channel_id)
    m.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    o.name AS site_name,
    o.timezone,
    c.device_id,
    d.name AS device_name,
    c.device_type_id AS device_type,
    coalesce(d.uuid, left(c.uuid, 12)) AS device_uuid,
    m.member_until,
    coalesce(facts.unit_factor, 1) AS unit_factor,
    facts.counts_until,
    -- After its last day a meter counts no longer.
    coalesce((facts.counts_until + 1)::timestamp AT TIME ZONE o.timezone, 'infinity') AS counts_before
FROM channel_sites AS m
JOIN channels AS c ON c.channel_id = m.channel_id
JOIN organizations AS o ON o.organization_id = m.organization_id
LEFT JOIN devices AS d ON d.device_id = c.device_id
LEFT JOIN channel_facts AS facts ON facts.channel_id = m.channel_id AND facts.organization_id = m.organization_id
ORDER BY m.organization_id, m.channel_id;

COMMENT ON VIEW v_memberships IS 'Meters and the sites that they belong or belonged to.';
COMMENT ON COLUMN v_memberships.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_memberships.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_memberships.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_memberships.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_memberships.timezone IS 'IANA time zone of the site.';
COMMENT ON COLUMN v_memberships.device_id IS 'Device that measures it.';
COMMENT ON COLUMN v_memberships.device_name IS 'Name of the device; text from outside.';
COMMENT ON COLUMN v_memberships.device_type IS 'Type number of the device.';
COMMENT ON COLUMN v_memberships.device_uuid IS 'Hardware id of the device (MAC address).';
COMMENT ON COLUMN v_memberships.member_until IS 'When it moved away from the site, UTC; infinity while it belongs there.';
COMMENT ON COLUMN v_memberships.unit_factor IS 'What its energy and power are multiplied by.';
COMMENT ON COLUMN v_memberships.counts_until IS 'Last local day that it counts, as the site''s file says; null without an end.';
COMMENT ON COLUMN v_memberships.counts_before IS 'When it stops to count, UTC; infinity without an end.';
