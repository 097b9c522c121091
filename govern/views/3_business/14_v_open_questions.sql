-- Grain: one row per question that the latest validation of a site asks its operator.
-- Time zone: none.
-- A check's finding is a question where it has lines for the site's file; until one answers it, energy may count twice.
CREATE VIEW v_open_questions AS
SELECT
    m.organization_id AS site_id,
    c.channel_id AS meter_id,
    coalesce(m.name, c.name) AS meter_name,
    f.check_name,
    f.message,
    ARRAY(SELECT jsonb_array_elements_text(f.examples -> 0 -> 'lines')) AS lines,
    f.validation_run_id
FROM channel_sites AS m
JOIN channels AS c USING (channel_id)
JOIN (
    SELECT v.organization_id, max(v.validation_run_id) AS validation_run_id
    FROM validation_runs AS v
    GROUP BY v.organization_id
) AS latest ON latest.organization_id = m.organization_id
JOIN validation_findings AS f ON f.validation_run_id = latest.validation_run_id AND f.channel_id = c.channel_id
WHERE f.examples -> 0 ? 'lines';

COMMENT ON VIEW v_open_questions IS 'What validation asks the operator of each site.';
COMMENT ON COLUMN v_open_questions.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_open_questions.meter_id IS 'Meter (channel) that it is about.';
COMMENT ON COLUMN v_open_questions.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_open_questions.check_name IS 'Check that asks.';
COMMENT ON COLUMN v_open_questions.message IS 'What was found.';
COMMENT ON COLUMN v_open_questions.lines IS 'Lines for the site''s file that answer it.';
COMMENT ON COLUMN v_open_questions.validation_run_id IS 'Validation that asks.';
