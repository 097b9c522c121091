-- Grain: one row per site and finding, as it is after the newest weekly report of its site.
-- Units: kWh and currency, of the week or since the finding began or came back. Time zone: UTC; weeks are local Mondays.
CREATE VIEW v_findings AS
SELECT DISTINCT ON (w.site_id, w.finding_id)
    w.site_id,
    w.finding_id,
    w.kind,
    w.cause,
    w.meter_id,
    w.meter_name,
    w.title,
    w.confidence,
    w.pattern,
    w.currency,
    w.week,
    w.report_run_id,
    w.period_start,
    w.period_end,
    w.status,
    w.state,
    w.is_solved_now,
    w.episode,
    w.since_week,
    w.week_number,
    w.weeks_there,
    w.last_there_week,
    w.clear_weeks,
    w.back_after_weeks,
    w.energy_kwh,
    w.cost,
    w.energy_so_far_kwh,
    w.cost_so_far,
    w.last_energy_kwh,
    w.last_cost,
    w.is_grown,
    w.said,
    w.said_by,
    w.said_at,
    w.owner,
    w.due,
    w.done_on,
    w.note,
    w.basis_kwh,
    w.is_silent,
    w.same_as
FROM v_finding_weeks AS w
ORDER BY w.site_id, w.finding_id, w.week DESC;

COMMENT ON VIEW v_findings IS 'Every finding and how it stands.';
COMMENT ON COLUMN v_findings.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_findings.finding_id IS 'Kind, cause and meter: the same in every week.';
COMMENT ON COLUMN v_findings.kind IS 'after_hours, high_use, low_use, level_up, level_down, meter or electrical.';
COMMENT ON COLUMN v_findings.cause IS 'What is wrong with a meter or its supply.';
COMMENT ON COLUMN v_findings.meter_id IS 'Meter (channel) id; null for the site as a whole.';
COMMENT ON COLUMN v_findings.meter_name IS 'Name of the meter when it was last seen; text from outside.';
COMMENT ON COLUMN v_findings.title IS 'What the report called it when it was last seen.';
COMMENT ON COLUMN v_findings.confidence IS 'high, medium or low, when it was last seen.';
COMMENT ON COLUMN v_findings.pattern IS 'recurring, new, once or asked, when it was last seen.';
COMMENT ON COLUMN v_findings.currency IS 'ISO 4217 code of the costs.';
COMMENT ON COLUMN v_findings.week IS 'Monday of the newest week that has a report.';
COMMENT ON COLUMN v_findings.report_run_id IS 'Report of that week.';
COMMENT ON COLUMN v_findings.period_start IS 'Start of its period, UTC.';
COMMENT ON COLUMN v_findings.period_end IS 'End of its period, UTC, exclusive.';
COMMENT ON COLUMN v_findings.status IS 'seen, persists, blind or clear: what the week says of it.';
COMMENT ON COLUMN v_findings.state IS 'new, open, solved or back, after this week.';
COMMENT ON COLUMN v_findings.is_solved_now IS 'Whether this is the second clear week.';
COMMENT ON COLUMN v_findings.episode IS 'How often it has begun: 1, or more where it came back.';
COMMENT ON COLUMN v_findings.since_week IS 'Week in which it began, or came back.';
COMMENT ON COLUMN v_findings.week_number IS 'How many weeks that is, this one included.';
COMMENT ON COLUMN v_findings.weeks_there IS 'In how many of them it was seen or persisted.';
COMMENT ON COLUMN v_findings.last_there_week IS 'The last of them.';
COMMENT ON COLUMN v_findings.clear_weeks IS 'Clear weeks since then.';
COMMENT ON COLUMN v_findings.back_after_weeks IS 'Where it came back: how many weeks it was away.';
COMMENT ON COLUMN v_findings.energy_kwh IS 'Its energy in the week, kWh.';
COMMENT ON COLUMN v_findings.cost IS 'What that costs.';
COMMENT ON COLUMN v_findings.energy_so_far_kwh IS 'Its energy since it began or came back, kWh.';
COMMENT ON COLUMN v_findings.cost_so_far IS 'What that cost.';
COMMENT ON COLUMN v_findings.last_energy_kwh IS 'Its energy in the last week in which it was claimed, kWh.';
COMMENT ON COLUMN v_findings.last_cost IS 'What that cost.';
COMMENT ON COLUMN v_findings.is_grown IS 'Whether it grew by half or more, and 10 kWh, since it was last told.';
COMMENT ON COLUMN v_findings.said IS 'What a person said last: planned, done, not-needed, wrong or open.';
COMMENT ON COLUMN v_findings.said_by IS 'Who said so.';
COMMENT ON COLUMN v_findings.said_at IS 'When.';
COMMENT ON COLUMN v_findings.owner IS 'Who takes care of it.';
COMMENT ON COLUMN v_findings.due IS 'By which local day.';
COMMENT ON COLUMN v_findings.done_on IS 'Local day on which it was done.';
COMMENT ON COLUMN v_findings.note IS 'What else was said.';
COMMENT ON COLUMN v_findings.basis_kwh IS 'Its most energy in a week around the day on which that was said, kWh.';
COMMENT ON COLUMN v_findings.is_silent IS 'Whether reports keep silent about it: it is not needed or wrong, and has not grown since.';
COMMENT ON COLUMN v_findings.same_as IS 'Finding of another kind about the same waste, which began first; null where there is none.';
