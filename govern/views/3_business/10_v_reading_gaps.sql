-- Grain: one row per meter and stretch of missing intervals, those that arrived later included. Units: seconds.
-- Label: start of the first missing interval. Time zone: UTC; local_start is the site's wall clock.
CREATE VIEW v_reading_gaps AS
SELECT
    g.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    g.gap_start,
    g.gap_end,
    g.gap_start AT TIME ZONE o.timezone AS local_start,
    g.interval_s,
    g.missing_count,
    g.kind,
    g.state,
    g.reason,
    g.asked_count,
    g.first_asked_at,
    g.last_asked_at,
    g.found_at,
    g.closed_at,
    g.accepted_by,
    g.accepted_at
FROM channel_sites AS m
JOIN reading_gaps AS g ON g.channel_id = m.channel_id AND g.organization_id = m.organization_id
JOIN channels AS c ON c.channel_id = m.channel_id
JOIN organizations AS o ON o.organization_id = m.organization_id;

COMMENT ON VIEW v_reading_gaps IS 'The gap ledger with the names of its meters.';
COMMENT ON COLUMN v_reading_gaps.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_reading_gaps.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_reading_gaps.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_reading_gaps.gap_start IS 'Start of the first missing interval, UTC.';
COMMENT ON COLUMN v_reading_gaps.gap_end IS 'End of the last missing interval, UTC, exclusive.';
COMMENT ON COLUMN v_reading_gaps.local_start IS 'Start on the site''s wall clock.';
COMMENT ON COLUMN v_reading_gaps.interval_s IS 'Length of the intervals, seconds.';
COMMENT ON COLUMN v_reading_gaps.missing_count IS 'How many intervals are missing, or were.';
COMMENT ON COLUMN v_reading_gaps.kind IS '"interior" (readings came later) or "trailing" (nothing came since).';
COMMENT ON COLUMN v_reading_gaps.state IS 'pending, refetched, vendor_empty or accepted.';
COMMENT ON COLUMN v_reading_gaps.reason IS 'Why, in words.';
COMMENT ON COLUMN v_reading_gaps.asked_count IS 'Runs that asked the service for it and got an answer.';
COMMENT ON COLUMN v_reading_gaps.first_asked_at IS 'When the first of them asked, UTC.';
COMMENT ON COLUMN v_reading_gaps.last_asked_at IS 'When the last of them asked, UTC.';
COMMENT ON COLUMN v_reading_gaps.found_at IS 'When it was first seen, UTC.';
COMMENT ON COLUMN v_reading_gaps.closed_at IS 'When the readings had arrived, UTC.';
COMMENT ON COLUMN v_reading_gaps.accepted_by IS 'Who accepted it.';
COMMENT ON COLUMN v_reading_gaps.accepted_at IS 'When it was accepted, UTC.';
