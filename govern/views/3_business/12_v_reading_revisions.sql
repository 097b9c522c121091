-- Grain: one row per meter, interval, column and value that the source reported later. Units: the column's.
-- Label: start of the interval. Time zone: UTC.
CREATE VIEW v_reading_revisions AS
SELECT
    v.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    v.timestamp,
    v.column_name,
    v.old_value,
    v.new_value,
    v.seen_at,
    v.ingest_run_id
FROM channel_sites AS m
JOIN reading_revisions AS v ON v.channel_id = m.channel_id AND v.organization_id = m.organization_id
JOIN channels AS c ON c.channel_id = m.channel_id
-- Earlier versions noted a value that came for a NULL here; such a value fills the reading now.
WHERE v.old_value IS NOT NULL;

COMMENT ON VIEW v_reading_revisions IS 'Values that the source later reported otherwise than stored, with the names of their meters.';
COMMENT ON COLUMN v_reading_revisions.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_reading_revisions.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_reading_revisions.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_reading_revisions.timestamp IS 'Start of the interval, UTC.';
COMMENT ON COLUMN v_reading_revisions.column_name IS 'Column of v_readings_enriched.';
COMMENT ON COLUMN v_reading_revisions.old_value IS 'Value stored.';
COMMENT ON COLUMN v_reading_revisions.new_value IS 'Value reported later.';
COMMENT ON COLUMN v_reading_revisions.seen_at IS 'When it was first seen, UTC.';
COMMENT ON COLUMN v_reading_revisions.ingest_run_id IS 'Run that first saw it.';
