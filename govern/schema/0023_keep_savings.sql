-- What findings that people called done were measured to save, as each recorded weekly report tells it.
CREATE TABLE report_savings (
    report_run_id   bigint NOT NULL,
    organization_id bigint NOT NULL,
    finding_id      text NOT NULL,
    done_on         date NOT NULL,
    weeks           integer NOT NULL,
    status          text NOT NULL CHECK (status IN ('waiting', 'verified_saving', 'verified_increase', 'insufficient_data')),
    claimed_kwh     double precision,
    claimed_cost    double precision,
    saved_kwh       double precision,
    low_kwh         double precision,
    high_kwh        double precision,
    saved_cost      double precision,
    low_cost        double precision,
    high_cost       double precision,
    currency        text,
    facts           jsonb NOT NULL,
    PRIMARY KEY (report_run_id, finding_id)
);
CREATE INDEX report_savings_by_organization ON report_savings (organization_id, finding_id);
COMMENT ON TABLE report_savings IS 'One row per recorded weekly report and finding that was done by then.';
COMMENT ON COLUMN report_savings.report_run_id IS 'Report (report_weeks).';
COMMENT ON COLUMN report_savings.organization_id IS 'Site.';
COMMENT ON COLUMN report_savings.finding_id IS 'Finding (report_findings).';
COMMENT ON COLUMN report_savings.done_on IS 'Local day on which it was done, as a person said.';
COMMENT ON COLUMN report_savings.weeks IS 'How many weeks after that were measured: 4, 13 or 52; 0 while the first four are not over.';
COMMENT ON COLUMN report_savings.status IS '"verified_saving", "verified_increase", "insufficient_data", or "waiting" for the first four weeks.';
COMMENT ON COLUMN report_savings.claimed_kwh IS 'What the finding was claimed to be before, kWh a week.';
COMMENT ON COLUMN report_savings.claimed_cost IS 'What that cost a week.';
COMMENT ON COLUMN report_savings.saved_kwh IS 'Likely saving, kWh a week.';
COMMENT ON COLUMN report_savings.low_kwh IS 'Low bound of it, at 90 % confidence, kWh a week.';
COMMENT ON COLUMN report_savings.high_kwh IS 'High bound of it, kWh a week.';
COMMENT ON COLUMN report_savings.saved_cost IS 'What the likely saving is worth a week.';
COMMENT ON COLUMN report_savings.low_cost IS 'Low bound of that.';
COMMENT ON COLUMN report_savings.high_cost IS 'High bound of that.';
COMMENT ON COLUMN report_savings.currency IS 'ISO 4217 code of the costs.';
COMMENT ON COLUMN report_savings.facts IS 'What is missing to know it, and from which day on it may be known.';
