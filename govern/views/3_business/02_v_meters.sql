-- Grain: one row per meter (channel) and site that it belongs or belonged to. Units: seconds.
-- Time zone: UTC.
-- A channel is a view of a metering point: the whole, one phase, or a pulse input. Views of one point share the service's
-- meter id or the hardware id, and each point counts once: by the view of the whole, by its phases where there is none.
CREATE VIEW v_meters AS
WITH channel AS (
    SELECT
        c.channel_id, m.organization_id, c.device_id, coalesce(m.name, c.name) AS name, c.device_type_id, c.uuid,
        c.status,
        -- One that moved away ended there, and one that came begins: readings before and after are the other site's.
        m.member_until < 'infinity' AS has_left,
        c.is_listed AND m.member_until = 'infinity' AS is_listed,
        c.fields IS NOT NULL AS has_values,
        held.channel_id IS NOT NULL AS is_quarantined,
        greatest(
            CASE WHEN m.member_until < 'infinity' THEN m.installed_at ELSE c.installed_at END,
            nullif(m.member_from, '-infinity')
        ) AS installed_at,
        o.name AS site_name,
        facts.kind,
        coalesce(facts.must_run, false) AS must_run,
        coalesce(facts.is_excluded, false) AS is_excluded,
        coalesce(facts.is_parent_named, false) AS is_parent_named,
        coalesce(facts.unit_factor, 1) AS unit_factor,
        -- What the file says goes above what an import was told.
        CASE WHEN facts.is_parent_named THEN facts.parent_id ELSE c.parent_id END AS parent_id,
        least(
            CASE WHEN m.member_until < 'infinity' THEN m.uninstalled_at ELSE c.uninstalled_at END,
            nullif(m.member_until, 'infinity'),
            (facts.counts_until + 1)::timestamp AT TIME ZONE o.timezone
        ) AS uninstalled_at,
        -- A sensor (temperature, CO2) has no energy; a channel is an energy meter unless it is known to lack the field.
        coalesce(c.fields && ARRAY['E', 'P'], c.is_metering_point, true)
            AND (NOT c.is_unsupported OR m.member_until < 'infinity')
            AND coalesce(facts.kind, '') <> 'sensor' AS is_energy_meter,
        nullif(c.meter_id, 0) AS service_meter_id,
        CASE WHEN c.uuid ~* '^[0-9a-f]{16}$' THEN lower(c.uuid) END AS point_uuid,
        CASE
            WHEN c.data_type ~* 'pulse' OR c.displayed_phase ~* 'pulse' THEN 'pulse'
            WHEN c.displayed_phase ~* '^\s*(system|total|sum|all|whole|(three|3)[ _-]?phases?)\s*$' THEN 'whole'
            WHEN c.displayed_phase ~* '^\s*((phase|ph|line|l|p)[ _-]?)?([1-3]|[abc])\s*$' THEN 'phase'
        END AS point_view
    FROM channel_sites AS m
    JOIN channels AS c USING (channel_id)
    JOIN organizations AS o ON o.organization_id = m.organization_id
    LEFT JOIN channel_facts AS facts ON facts.channel_id = m.channel_id AND facts.organization_id = m.organization_id
    LEFT JOIN (
        SELECT organization_id, max(validation_run_id) AS validation_run_id FROM validation_runs GROUP BY organization_id
    ) AS run ON run.organization_id = m.organization_id
    LEFT JOIN channel_quarantines AS held
        ON held.validation_run_id = run.validation_run_id AND held.channel_id = m.channel_id
    WHERE m.member_until > m.member_from
),
by_meter AS (
    SELECT *, min(channel_id) OVER (
        PARTITION BY organization_id, is_energy_meter, service_meter_id,
            CASE WHEN service_meter_id IS NULL THEN channel_id END
    ) AS meter_first
    FROM channel
),
by_uuid AS (
    SELECT *, min(meter_first) OVER (
        PARTITION BY organization_id, is_energy_meter, point_uuid, CASE WHEN point_uuid IS NULL THEN channel_id END
    ) AS uuid_first
    FROM by_meter
),
pointed AS (
    SELECT
        *,
        min(uuid_first) OVER (PARTITION BY organization_id, is_energy_meter, meter_first) AS point_id,
        -- A view that ended, left the list or is left out by the file stands for no other.
        -- Those that moved away stand for each other as they did.
        is_energy_meter AND NOT is_excluded AND (has_left OR is_listed AND coalesce(uninstalled_at > now(), true))
            AS is_there
    FROM by_uuid
),
living AS (
    SELECT
        *,
        -- Nor does one of which no value was ever seen, beside others of which some were.
        is_there AND (has_values OR NOT bool_or(is_there AND has_values) OVER point)
            -- Nor a whole that validation does not trust, where all its phases were measured apart.
            AND NOT (
                is_quarantined AND point_view = 'whole'
                AND count(*) FILTER (WHERE is_there AND has_values AND point_view = 'phase') OVER point >= 3
            ) AS is_live
    FROM pointed
    WINDOW point AS (PARTITION BY organization_id, is_energy_meter, point_id, has_left)
),
stood_for AS (
    SELECT
        *,
        min(channel_id) FILTER (WHERE is_live AND point_view = 'whole') OVER point AS whole_id,
        min(channel_id) FILTER (WHERE is_live AND point_view = 'phase') OVER point AS phase_id,
        min(channel_id) FILTER (WHERE is_live AND point_view IS DISTINCT FROM 'pulse') OVER point AS electrical_id
    FROM living
    WINDOW point AS (PARTITION BY organization_id, is_energy_meter, point_id, has_left)
),
meter AS NOT MATERIALIZED (
    SELECT
        *,
        CASE
            WHEN NOT is_energy_meter OR is_excluded THEN NULL
            WHEN point_view = 'whole' THEN CASE WHEN whole_id IS NULL THEN phase_id END
            -- Who says what it is part of says that it counts.
            WHEN is_parent_named THEN NULL
            WHEN whole_id IS NOT NULL THEN whole_id
            WHEN point_view = 'pulse' THEN electrical_id
        END AS counted_by
    FROM stood_for
)
SELECT
    m.channel_id AS meter_id,
    m.name AS meter_name,
    m.organization_id AS site_id,
    m.site_name,
    m.device_id,
    d.name AS device_name,
    m.device_type_id AS device_type,
    coalesce(d.uuid, left(m.uuid, 12)) AS device_uuid,
    nullif(coalesce(parent.counted_by, parent.channel_id), m.channel_id) AS parent_meter_id,
    m.is_energy_meter,
    latest.interval_s,
    m.installed_at,
    m.uninstalled_at,
    m.status,
    m.kind,
    m.must_run,
    NOT m.is_excluded AND m.counted_by IS NULL AS is_counted,
    m.counted_by,
    m.is_excluded,
    m.is_parent_named,
    m.unit_factor,
    m.point_id,
    m.point_view,
    m.is_listed
FROM meter AS m
LEFT JOIN devices AS d ON d.device_id = m.device_id
LEFT JOIN meter AS parent ON parent.channel_id = m.parent_id AND parent.organization_id = m.organization_id
LEFT JOIN v_latest_readings AS latest ON latest.meter_id = m.channel_id AND latest.site_id = m.organization_id;

COMMENT ON VIEW v_meters IS 'Meters of every site; one that moved has a row at each of its sites.';
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
COMMENT ON COLUMN v_meters.installed_at IS 'When it was installed, or moved here from another site, UTC.';
COMMENT ON COLUMN v_meters.uninstalled_at IS 'When it was removed or moved to another site, or counts no longer by the site''s file (until), UTC.';
COMMENT ON COLUMN v_meters.status IS 'Status word of the service.';
COMMENT ON COLUMN v_meters.kind IS 'What it measures, as the site''s file says: load, generation, storage, main (import and export) or sensor; null where it does not.';
COMMENT ON COLUMN v_meters.must_run IS 'The site''s file says that it is needed while the site is closed.';
COMMENT ON COLUMN v_meters.is_counted IS 'False where another view of the same metering point stands for it, or the site''s file leaves it out.';
COMMENT ON COLUMN v_meters.counted_by IS 'Meter that stands for it: another view of the same metering point.';
COMMENT ON COLUMN v_meters.is_excluded IS 'The site''s file leaves it out.';
COMMENT ON COLUMN v_meters.is_parent_named IS 'The site''s file says what it is part of, if of any.';
COMMENT ON COLUMN v_meters.unit_factor IS 'Energy and power of Layer 3 are multiplied by this, as the site''s file says.';
COMMENT ON COLUMN v_meters.point_id IS 'Metering point: lowest meter id of its views.';
COMMENT ON COLUMN v_meters.point_view IS 'What it shows of the point: whole, phase or pulse; null where the service does not tell.';
COMMENT ON COLUMN v_meters.is_listed IS 'Whether the service lists it at this site; false once it has moved away.';
