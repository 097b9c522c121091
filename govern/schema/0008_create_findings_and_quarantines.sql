-- What a validation found, channel by channel, how far it reaches, and who let data pass all the same.
-- validation_runs.organization_id 0 is the whole system, as channel_id 0 is a whole site.

ALTER TABLE validation_runs
    ADD COLUMN reach text NOT NULL DEFAULT 'none' CHECK (reach IN ('none', 'channel', 'site', 'system')),
    ADD COLUMN quarantined_energy_pct double precision;
UPDATE validation_runs SET reach = 'site' WHERE verdict = 'open';
COMMENT ON COLUMN validation_runs.organization_id IS 'Site validated; 0 for the checks of the whole system.';
COMMENT ON COLUMN validation_runs.reach IS 'How far the worst finding reaches: "none", "channel" (quarantined), "site", or "system" (every site).';
COMMENT ON COLUMN validation_runs.quarantined_energy_pct IS 'Share of the site''s energy that quarantined channels carry, percent; null when it cannot be told.';

ALTER TABLE validation_results
    ADD COLUMN scope text NOT NULL DEFAULT 'site' CHECK (scope IN ('channel', 'site', 'system'));
COMMENT ON COLUMN validation_results.scope IS 'What one finding of the check is about: a "channel", a "site", or the whole "system".';
COMMENT ON COLUMN validation_results.finding_count IS 'How many findings it has: channels, or 1 for a site or the system.';

CREATE TABLE validation_findings (
    validation_run_id bigint NOT NULL,
    check_name        text NOT NULL,
    channel_id        bigint NOT NULL,
    severity          text NOT NULL CHECK (severity IN ('block', 'warn')),
    found             bigint NOT NULL,
    message           text NOT NULL,
    examples          jsonb NOT NULL,
    PRIMARY KEY (validation_run_id, check_name, channel_id)
);
COMMENT ON TABLE validation_findings IS 'The evidence: one row per validation run, failed check and channel.';
COMMENT ON COLUMN validation_findings.validation_run_id IS 'Run (validation_runs).';
COMMENT ON COLUMN validation_findings.check_name IS 'Check that failed (validation_results).';
COMMENT ON COLUMN validation_findings.channel_id IS 'Channel it is about; 0 for the site or the system as a whole.';
COMMENT ON COLUMN validation_findings.severity IS '"block" or "warn"; a check that blocks only warns of a channel that is warming up.';
COMMENT ON COLUMN validation_findings.found IS 'How many rows, days or other things are wrong.';
COMMENT ON COLUMN validation_findings.message IS 'What is wrong, in words.';
COMMENT ON COLUMN validation_findings.examples IS 'The worst of them, as an array of objects; times are UTC.';

CREATE TABLE channel_quarantines (
    validation_run_id bigint NOT NULL,
    channel_id        bigint NOT NULL,
    check_names       text[] NOT NULL,
    reason            text NOT NULL,
    hint              text NOT NULL,
    energy_share_pct  double precision,
    since             timestamptz NOT NULL,
    PRIMARY KEY (validation_run_id, channel_id)
);
COMMENT ON TABLE channel_quarantines IS 'Channels that a validation run keeps out of reports, one row each; the site''s latest run counts.';
COMMENT ON COLUMN channel_quarantines.validation_run_id IS 'Run (validation_runs).';
COMMENT ON COLUMN channel_quarantines.channel_id IS 'Channel kept out.';
COMMENT ON COLUMN channel_quarantines.check_names IS 'Checks that block it.';
COMMENT ON COLUMN channel_quarantines.reason IS 'What the first of them found.';
COMMENT ON COLUMN channel_quarantines.hint IS 'What to do about it.';
COMMENT ON COLUMN channel_quarantines.energy_share_pct IS 'Its share of the site''s energy, percent; null when it cannot be told.';
COMMENT ON COLUMN channel_quarantines.since IS 'When it was quarantined; kept from run to run until a run finds it sound.';

CREATE TABLE breaker_overrides (
    override_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id   bigint NOT NULL,
    validation_run_id bigint NOT NULL,
    check_names       text[] NOT NULL,
    reason            text NOT NULL CHECK (reason <> ''),
    made_by           text NOT NULL,
    made_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL
);
CREATE INDEX breaker_overrides_by_organization ON breaker_overrides (organization_id, override_id);
COMMENT ON TABLE breaker_overrides IS 'Decisions to let a site''s held-back data pass all the same; never updated.';
COMMENT ON COLUMN breaker_overrides.override_id IS 'Number of the decision.';
COMMENT ON COLUMN breaker_overrides.organization_id IS 'Site.';
COMMENT ON COLUMN breaker_overrides.validation_run_id IS 'Validation run that held the data back when it was made.';
COMMENT ON COLUMN breaker_overrides.check_names IS 'The blocking checks it is about; it covers no other.';
COMMENT ON COLUMN breaker_overrides.reason IS 'Why, in the words of who decided; shown in the report.';
COMMENT ON COLUMN breaker_overrides.made_by IS 'Who decided.';
COMMENT ON COLUMN breaker_overrides.made_at IS 'When.';
COMMENT ON COLUMN breaker_overrides.expires_at IS 'From when it counts no longer.';

CREATE TABLE forced_reports (
    report_run_id   bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    check_names     text[] NOT NULL,
    reason          text NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE forced_reports IS 'Reports that were written although the data were held back, with the reason given.';
COMMENT ON COLUMN forced_reports.report_run_id IS 'Report (report_runs).';
COMMENT ON COLUMN forced_reports.organization_id IS 'Site.';
COMMENT ON COLUMN forced_reports.check_names IS 'Checks that held it back; none when it was not validated, or not up to date.';
COMMENT ON COLUMN forced_reports.reason IS 'Why, as the report says it.';
COMMENT ON COLUMN forced_reports.recorded_at IS 'When this row was written.';

-- The same form as lib/date_utils.format_utc.
CREATE FUNCTION utc_text(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC',
        CASE WHEN extract(second FROM moment) = 0 THEN 'YYYY-MM-DD"T"HH24:MI"Z"' ELSE 'YYYY-MM-DD"T"HH24:MI:SS"Z"' END)
$$;
COMMENT ON FUNCTION utc_text IS 'A moment as 2026-01-20T05:00Z, with seconds only where it has any.';
