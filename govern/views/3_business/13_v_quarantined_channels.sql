-- Grain: one row per channel that the latest validation of its site quarantines. Units: percent.
-- Time zone: UTC.
CREATE VIEW v_quarantined_channels AS
SELECT
    c.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    m.organization_id AS site_id,
    q.check_names AS checks,
    q.reason,
    q.hint,
    q.energy_share_pct,
    q.since,
    q.validation_run_id
FROM channel_sites AS m
JOIN channels AS c USING (channel_id)
JOIN (
    SELECT v.organization_id, max(v.validation_run_id) AS validation_run_id
    FROM validation_runs AS v
    GROUP BY v.organization_id
) AS latest ON latest.organization_id = m.organization_id
JOIN channel_quarantines AS q ON q.validation_run_id = latest.validation_run_id AND q.channel_id = c.channel_id;

COMMENT ON VIEW v_quarantined_channels IS 'Channels that reports leave out, because their numbers cannot be trusted.';
COMMENT ON COLUMN v_quarantined_channels.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_quarantined_channels.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_quarantined_channels.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_quarantined_channels.checks IS 'Checks that block it.';
COMMENT ON COLUMN v_quarantined_channels.reason IS 'What the first of them found.';
COMMENT ON COLUMN v_quarantined_channels.hint IS 'What to do about it.';
COMMENT ON COLUMN v_quarantined_channels.energy_share_pct IS 'Its share of the site''s energy, percent; null when it cannot be told.';
COMMENT ON COLUMN v_quarantined_channels.since IS 'Since when it is quarantined without a break, UTC.';
COMMENT ON COLUMN v_quarantined_channels.validation_run_id IS 'Run that says so.';
