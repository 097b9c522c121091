-- Grain: one row per recorded weekly report and finding, older versions of a report included. Units: kWh a week, kW.
-- Time zone: none.
CREATE VIEW v_report_findings AS
SELECT
    f.organization_id AS site_id, f.report_run_id, f.finding_id, f.kind, f.cause, f.channel_id AS meter_id, f.meter_name,
    f.title, f.energy_kwh, f.cost, f.currency, f.confidence, f.pattern, f.level_kw, f.rest_kw, f.facts
FROM report_findings AS f
UNION ALL
SELECT
    (draft_report() ->> 'site_id')::bigint, 0, d.finding_id, d.kind, d.cause, d.channel_id, d.meter_name,
    d.title, d.energy_kwh, d.cost, d.currency, d.confidence, d.pattern, d.level_kw, d.rest_kw, d.facts
FROM jsonb_to_recordset(draft_report() -> 'findings') AS d (
    finding_id text, kind text, cause text, channel_id bigint, meter_name text, title text,
    energy_kwh double precision, cost double precision, currency text, confidence text, pattern text,
    level_kw double precision, rest_kw double precision, facts jsonb
);

COMMENT ON VIEW v_report_findings IS 'What each recorded weekly report found.';
COMMENT ON COLUMN v_report_findings.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_report_findings.report_run_id IS 'Number of the report; 0 while it is being written.';
COMMENT ON COLUMN v_report_findings.finding_id IS 'Kind, cause and meter: the same in every week.';
COMMENT ON COLUMN v_report_findings.kind IS 'after_hours, high_use, low_use, level_up, level_down, meter or electrical.';
COMMENT ON COLUMN v_report_findings.cause IS 'What is wrong with a meter or its supply.';
COMMENT ON COLUMN v_report_findings.meter_id IS 'Meter (channel) id; null for the site as a whole.';
COMMENT ON COLUMN v_report_findings.meter_name IS 'Name of the meter in that week; text from outside.';
COMMENT ON COLUMN v_report_findings.title IS 'What the report calls it.';
COMMENT ON COLUMN v_report_findings.energy_kwh IS 'Energy that it is about in the week, kWh.';
COMMENT ON COLUMN v_report_findings.cost IS 'What that energy costs.';
COMMENT ON COLUMN v_report_findings.currency IS 'ISO 4217 code of the cost.';
COMMENT ON COLUMN v_report_findings.confidence IS 'high, medium or low.';
COMMENT ON COLUMN v_report_findings.pattern IS 'recurring, new, once or asked; null where that says nothing.';
COMMENT ON COLUMN v_report_findings.level_kw IS 'Mean power with it, kW.';
COMMENT ON COLUMN v_report_findings.rest_kw IS 'The same power without it, kW.';
COMMENT ON COLUMN v_report_findings.facts IS 'What else the report says of it.';
