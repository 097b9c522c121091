-- Findings that live across weeks: what each recorded weekly report found, and what people said of it.
--
-- The state of a finding (new, open, solved, back) is derived from these rows by v_finding_weeks, anew each time. Only
-- finding_marks holds what cannot be derived; nothing but a person's word is ever added to it.

CREATE TABLE report_weeks (
    report_run_id   bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    week            date NOT NULL,
    first_day       date NOT NULL,
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL,
    generated_at    timestamptz NOT NULL
);
CREATE INDEX report_weeks_by_organization ON report_weeks (organization_id, week);
COMMENT ON TABLE report_weeks IS 'One row per recorded weekly report whose findings are stored: a report of seven local days.';
COMMENT ON COLUMN report_weeks.report_run_id IS 'Report (report_runs).';
COMMENT ON COLUMN report_weeks.organization_id IS 'Site.';
COMMENT ON COLUMN report_weeks.week IS 'Monday of the local week in which the period begins; of several reports on it the newest counts.';
COMMENT ON COLUMN report_weeks.first_day IS 'First local day of the period.';
COMMENT ON COLUMN report_weeks.period_start IS 'Start of the period, UTC.';
COMMENT ON COLUMN report_weeks.period_end IS 'End of the period, UTC, exclusive.';
COMMENT ON COLUMN report_weeks.generated_at IS 'When the report was written.';

CREATE TABLE report_findings (
    report_run_id   bigint NOT NULL,
    organization_id bigint NOT NULL,
    finding_id      text NOT NULL,
    kind            text NOT NULL,
    cause           text,
    channel_id      bigint,
    meter_name      text,
    title           text NOT NULL,
    energy_kwh      double precision,
    cost            double precision,
    currency        text,
    confidence      text NOT NULL CHECK (confidence IN ('high', 'medium', 'low')),
    pattern         text,
    level_kw        double precision,
    rest_kw         double precision,
    facts           jsonb NOT NULL,
    PRIMARY KEY (report_run_id, finding_id)
);
CREATE INDEX report_findings_by_organization ON report_findings (organization_id, finding_id);
COMMENT ON TABLE report_findings IS 'One row per recorded weekly report and finding in it.';
COMMENT ON COLUMN report_findings.report_run_id IS 'Report (report_weeks).';
COMMENT ON COLUMN report_findings.organization_id IS 'Site.';
COMMENT ON COLUMN report_findings.finding_id IS 'Kind, cause and meter: the same in every week.';
COMMENT ON COLUMN report_findings.kind IS 'What it is: "after_hours", "high_use", "low_use", "level_up", "level_down", "meter" or "electrical".';
COMMENT ON COLUMN report_findings.cause IS 'What is wrong with a meter or its supply; null for the other kinds.';
COMMENT ON COLUMN report_findings.channel_id IS 'Meter; null for the site as a whole.';
COMMENT ON COLUMN report_findings.meter_name IS 'Name of the meter in that week; text from outside.';
COMMENT ON COLUMN report_findings.title IS 'What the report calls it.';
COMMENT ON COLUMN report_findings.energy_kwh IS 'Energy that it is about in the week, kWh; null where it is about none.';
COMMENT ON COLUMN report_findings.cost IS 'What that energy costs; null where nobody pays for it.';
COMMENT ON COLUMN report_findings.currency IS 'ISO 4217 code of the cost.';
COMMENT ON COLUMN report_findings.confidence IS '"high", "medium" or "low".';
COMMENT ON COLUMN report_findings.pattern IS 'How often it was seen: "recurring", "new", "once", "asked"; null where that says nothing.';
COMMENT ON COLUMN report_findings.level_kw IS 'Mean power with it, kW: in closed hours, or of a level that changed.';
COMMENT ON COLUMN report_findings.rest_kw IS 'The same power without it, kW. Half way between them a load that is no longer claimed is still there.';
COMMENT ON COLUMN report_findings.facts IS 'What else the report says of it.';

CREATE TABLE report_meters (
    report_run_id    bigint NOT NULL,
    organization_id  bigint NOT NULL,
    channel_id       bigint NOT NULL,
    mean_kw          double precision,
    closed_kw        double precision,
    completeness_pct double precision,
    is_doubtful      boolean NOT NULL,
    PRIMARY KEY (report_run_id, channel_id)
);
COMMENT ON TABLE report_meters IS 'One row per recorded weekly report and meter in it: whether anything could be found, and what it drew.';
COMMENT ON COLUMN report_meters.report_run_id IS 'Report (report_weeks).';
COMMENT ON COLUMN report_meters.organization_id IS 'Site.';
COMMENT ON COLUMN report_meters.channel_id IS 'Meter.';
COMMENT ON COLUMN report_meters.mean_kw IS 'Mean power of the week, kW.';
COMMENT ON COLUMN report_meters.closed_kw IS 'Mean power while the site was closed, kW; null in reports that do not tell it.';
COMMENT ON COLUMN report_meters.completeness_pct IS 'Share of the expected readings that came, percent.';
COMMENT ON COLUMN report_meters.is_doubtful IS 'Whether the meter has a fault, or was not assessed: that nothing was found then proves nothing.';

CREATE TABLE finding_marks (
    mark_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL,
    finding_id      text NOT NULL,
    state           text NOT NULL CHECK (state IN ('planned', 'done', 'not-needed', 'wrong', 'open')),
    made_by         text NOT NULL CHECK (made_by <> ''),
    made_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_week       date,
    owner           text,
    due             date,
    done_on         date,
    note            text,
    CHECK ((state = 'done') = (done_on IS NOT NULL))
);
CREATE INDEX finding_marks_by_organization ON finding_marks (organization_id, finding_id, mark_id);
COMMENT ON TABLE finding_marks IS 'What people said of findings; the newest of a finding counts, and none is ever changed.';
COMMENT ON COLUMN finding_marks.mark_id IS 'Number of the mark.';
COMMENT ON COLUMN finding_marks.organization_id IS 'Site.';
COMMENT ON COLUMN finding_marks.finding_id IS 'Finding (report_findings).';
COMMENT ON COLUMN finding_marks.state IS '"planned", "done", "not-needed" (it may run), "wrong" (there is no such thing), or "open" (an earlier mark is taken back).';
COMMENT ON COLUMN finding_marks.made_by IS 'Who said so.';
COMMENT ON COLUMN finding_marks.made_at IS 'When.';
COMMENT ON COLUMN finding_marks.seen_week IS 'Newest week that was reported then, a local Monday: what was said is about the finding as it was.';
COMMENT ON COLUMN finding_marks.owner IS 'Who takes care of it.';
COMMENT ON COLUMN finding_marks.due IS 'By which local day.';
COMMENT ON COLUMN finding_marks.done_on IS 'Local day on which it was done: savings are measured from there.';
COMMENT ON COLUMN finding_marks.note IS 'What else was said.';

-- A finding is told again where it has grown by half, and by 10 kWh a week, since it was last told.
CREATE FUNCTION has_grown(told_kwh double precision, now_kwh double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(now_kwh >= 1.5 * told_kwh AND now_kwh >= told_kwh + 10, false)
$$;
COMMENT ON FUNCTION has_grown IS 'Whether the energy of a week, kWh, is so much more than when it was told that it is news.';

CREATE FUNCTION next_told_kwh(told_kwh double precision, now_kwh double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN told_kwh IS NULL OR has_grown(told_kwh, now_kwh) THEN now_kwh ELSE told_kwh END
$$;
COMMENT ON FUNCTION next_told_kwh IS 'Energy at which a finding was last told, kWh, after one more week.';

CREATE AGGREGATE last_told_kwh (double precision) (SFUNC = next_told_kwh, STYPE = double precision);
COMMENT ON AGGREGATE last_told_kwh (double precision) IS 'Energy at which a finding was last told, kWh, over its weeks in order.';

-- A report is judged before it is recorded: within its transaction, what it found stands in this setting, and counts as
-- if it were recorded; see lib/readings.py (load_finding_weeks).
CREATE FUNCTION draft_report() RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('pipeline.draft_report', true), '')::jsonb
$$;
COMMENT ON FUNCTION draft_report IS 'What the report found that is being written in this transaction; null for none.';
