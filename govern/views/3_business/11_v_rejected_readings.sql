-- Grain: one row per record in quarantine that has not been let in since. Units: kWh, kW, seconds.
-- Label: start of the interval, as far as it could be read. Time zone: UTC.
CREATE VIEW v_rejected_readings AS
SELECT
    q.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    q.reject_id,
    q.timestamp,
    q.interval_s,
    q.reason,
    (q.reading ->> 'energy_kwh')::double precision * coalesce(facts.unit_factor, 1) AS energy_kwh,
    (q.reading ->> 'power_kw')::double precision * coalesce(facts.unit_factor, 1) AS power_kw,
    q.raw,
    q.first_seen_at,
    q.last_seen_at,
    q.seen_count,
    -- The service sent another record for the interval since, or the limit was raised.
    EXISTS (SELECT FROM readings AS r WHERE r.channel_id = q.channel_id AND r.timestamp = q.timestamp) AS has_reading
FROM channel_sites AS m
JOIN rejected_readings AS q ON q.channel_id = m.channel_id AND q.organization_id = m.organization_id
JOIN channels AS c ON c.channel_id = m.channel_id
LEFT JOIN channel_facts AS facts ON facts.channel_id = m.channel_id AND facts.organization_id = m.organization_id
WHERE q.readmitted_at IS NULL;

COMMENT ON VIEW v_rejected_readings IS 'Records in quarantine with the names of their meters.';
COMMENT ON COLUMN v_rejected_readings.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_rejected_readings.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_rejected_readings.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_rejected_readings.reject_id IS 'Number by which a person re-admits it.';
COMMENT ON COLUMN v_rejected_readings.timestamp IS 'Start of the interval, UTC; null where it could not be read.';
COMMENT ON COLUMN v_rejected_readings.interval_s IS 'Length of the intervals asked, seconds.';
COMMENT ON COLUMN v_rejected_readings.reason IS 'Why: a code that docs/guides/ingestion.md explains.';
COMMENT ON COLUMN v_rejected_readings.energy_kwh IS 'Energy that the record claims, kWh.';
COMMENT ON COLUMN v_rejected_readings.power_kw IS 'Power that the record claims, kW.';
COMMENT ON COLUMN v_rejected_readings.raw IS 'The record as it came; text from outside.';
COMMENT ON COLUMN v_rejected_readings.first_seen_at IS 'When it came first, UTC.';
COMMENT ON COLUMN v_rejected_readings.last_seen_at IS 'When it came last, UTC.';
COMMENT ON COLUMN v_rejected_readings.seen_count IS 'How often it came.';
COMMENT ON COLUMN v_rejected_readings.has_reading IS 'True when its interval has a reading by now.';
