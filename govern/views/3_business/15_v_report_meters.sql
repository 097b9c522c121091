-- Grain: one row per recorded weekly report and meter, older versions of a report included. Units: kW, percent.
-- Time zone: none.
CREATE VIEW v_report_meters AS
SELECT
    m.organization_id AS site_id, m.report_run_id, m.channel_id AS meter_id, m.mean_kw, m.closed_kw, m.completeness_pct,
    m.is_doubtful
FROM report_meters AS m
UNION ALL
SELECT
    (draft_report() ->> 'site_id')::bigint, 0, d.channel_id, d.mean_kw, d.closed_kw, d.completeness_pct, d.is_doubtful
FROM jsonb_to_recordset(draft_report() -> 'meters') AS d (
    channel_id bigint, mean_kw double precision, closed_kw double precision, completeness_pct double precision,
    is_doubtful boolean
);

COMMENT ON VIEW v_report_meters IS 'Of which meters each recorded weekly report could find anything, and what they drew.';
COMMENT ON COLUMN v_report_meters.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_report_meters.report_run_id IS 'Number of the report; 0 while it is being written.';
COMMENT ON COLUMN v_report_meters.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_report_meters.mean_kw IS 'Mean power of the week, kW.';
COMMENT ON COLUMN v_report_meters.closed_kw IS 'Mean power while the site was closed, kW.';
COMMENT ON COLUMN v_report_meters.completeness_pct IS 'Share of the expected readings that came, percent.';
COMMENT ON COLUMN v_report_meters.is_doubtful IS 'Whether the meter has a fault, or was not assessed.';
