-- Each site is synced and reported on by its own local clock. What was done is kept here, so that two servers, or a
-- wake that comes twice, do nothing twice, and what was missed is made up for.

CREATE TABLE scheduled_jobs (
    organization_id bigint NOT NULL,
    job             text NOT NULL CHECK (job IN ('sync', 'report')),
    due_on          date NOT NULL,
    due_at          timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('skipped', 'running', 'done', 'held', 'failed')),
    tries           integer NOT NULL,
    claimed_at      timestamptz NOT NULL,
    claimed_by      text NOT NULL,
    claimed_in      text NOT NULL,
    finished_at     timestamptz,
    exit_code       integer,
    PRIMARY KEY (organization_id, job, due_on)
);
COMMENT ON TABLE scheduled_jobs IS 'One row per site, job and local day (of a report: Monday) that became due.';
COMMENT ON COLUMN scheduled_jobs.organization_id IS 'Site (organization) id; it may have no readings yet.';
COMMENT ON COLUMN scheduled_jobs.job IS '"sync" or "report".';
COMMENT ON COLUMN scheduled_jobs.due_on IS 'Local day of the site that it is for; of a report the Monday after its week.';
COMMENT ON COLUMN scheduled_jobs.due_at IS 'When it became due, UTC.';
COMMENT ON COLUMN scheduled_jobs.state IS '"skipped" (due before the schedule began), "running", "done", "held" (checks held the report back) or "failed".';
COMMENT ON COLUMN scheduled_jobs.tries IS 'How often it was begun.';
COMMENT ON COLUMN scheduled_jobs.claimed_at IS 'When it was begun last, by the database''s clock.';
COMMENT ON COLUMN scheduled_jobs.claimed_by IS 'Machine and folder that began it.';
COMMENT ON COLUMN scheduled_jobs.claimed_in IS 'Which run of operations/run_schedule.sh began it.';
COMMENT ON COLUMN scheduled_jobs.finished_at IS 'When it ended.';
COMMENT ON COLUMN scheduled_jobs.exit_code IS 'How it ended, as operations/daily_sync.sh and operations/weekly_report.sh say it.';
