-- Grain: one row per site and finding that is done, by the newest recorded weekly report. Units: kWh and currency a week.
-- Time zone: none; weeks are local Mondays.
CREATE VIEW v_savings_ledger AS
SELECT DISTINCT ON (f.site_id, f.finding_id)
    f.site_id, f.finding_id, f.meter_id, f.meter_name, f.kind, f.title, f.state, s.done_on, f.said_by, f.owner, s.weeks,
    s.status, s.claimed_kwh, s.claimed_cost, s.saved_kwh, s.low_kwh, s.high_kwh, s.saved_cost, s.low_cost, s.high_cost,
    s.currency,
    s.status = 'verified_saving' AS is_proved,
    s.status = 'verified_saving' AND f.state = 'solved' AS is_still_there,
    s.facts -> 'missing' AS missing,
    w.week
FROM v_findings AS f
JOIN report_savings AS s ON s.organization_id = f.site_id AND s.finding_id = f.finding_id AND s.done_on = f.done_on
JOIN v_report_weeks AS w ON w.site_id = s.organization_id AND w.report_run_id = s.report_run_id
WHERE f.said = 'done'
ORDER BY f.site_id, f.finding_id, w.week DESC;

COMMENT ON VIEW v_savings_ledger IS 'What was claimed, done, and measured to have been saved.';
COMMENT ON COLUMN v_savings_ledger.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_savings_ledger.finding_id IS 'Finding (v_findings).';
COMMENT ON COLUMN v_savings_ledger.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_savings_ledger.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_savings_ledger.kind IS 'Kind of the finding.';
COMMENT ON COLUMN v_savings_ledger.title IS 'What the report called it.';
COMMENT ON COLUMN v_savings_ledger.state IS 'Where the finding stands now: solved, as long as the saving is still there.';
COMMENT ON COLUMN v_savings_ledger.done_on IS 'Local day on which it was done.';
COMMENT ON COLUMN v_savings_ledger.said_by IS 'Who said so.';
COMMENT ON COLUMN v_savings_ledger.owner IS 'Who took care of it.';
COMMENT ON COLUMN v_savings_ledger.weeks IS 'Weeks after it that were measured: 4, 13 or 52; 0 while the first four are not over.';
COMMENT ON COLUMN v_savings_ledger.status IS 'verified_saving, verified_increase, insufficient_data, or waiting.';
COMMENT ON COLUMN v_savings_ledger.claimed_kwh IS 'What it was claimed to be before, kWh a week.';
COMMENT ON COLUMN v_savings_ledger.claimed_cost IS 'What that cost a week.';
COMMENT ON COLUMN v_savings_ledger.saved_kwh IS 'Likely saving, kWh a week.';
COMMENT ON COLUMN v_savings_ledger.low_kwh IS 'Low bound at 90 % confidence, kWh a week.';
COMMENT ON COLUMN v_savings_ledger.high_kwh IS 'High bound, kWh a week.';
COMMENT ON COLUMN v_savings_ledger.saved_cost IS 'What the likely saving is worth a week.';
COMMENT ON COLUMN v_savings_ledger.low_cost IS 'Low bound of that.';
COMMENT ON COLUMN v_savings_ledger.high_cost IS 'High bound of that.';
COMMENT ON COLUMN v_savings_ledger.currency IS 'ISO 4217 code of the costs.';
COMMENT ON COLUMN v_savings_ledger.is_proved IS 'Whether a saving is verified.';
COMMENT ON COLUMN v_savings_ledger.is_still_there IS 'Whether it is proved and the finding is solved to this day.';
COMMENT ON COLUMN v_savings_ledger.missing IS 'What is missing to know it, as an array of objects.';
COMMENT ON COLUMN v_savings_ledger.week IS 'Week of the report that says so, a local Monday.';
