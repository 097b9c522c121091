-- What ingest leaves behind beside the readings: gaps and what became of them, values that the service changed later,
-- records that cannot be right, marks on readings that need care, and who is at work on which site.

CREATE TABLE reading_gaps (
    channel_id      bigint NOT NULL,
    gap_start       timestamptz NOT NULL,
    gap_end         timestamptz NOT NULL,
    interval_s      integer NOT NULL CHECK (interval_s > 0),
    missing_count   integer NOT NULL
        GENERATED ALWAYS AS ((extract(epoch FROM gap_end - gap_start) / interval_s)::integer) STORED,
    kind            text NOT NULL CHECK (kind IN ('interior', 'trailing')),
    state           text NOT NULL CHECK (state IN ('pending', 'refetched', 'vendor_empty', 'accepted')),
    reason          text,
    asked_count     integer NOT NULL DEFAULT 0,
    first_asked_at  timestamptz,
    last_asked_at   timestamptz,
    asks_count_from timestamptz NOT NULL,
    found_at        timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    closed_at       timestamptz,
    accepted_by     text,
    accepted_at     timestamptz,
    PRIMARY KEY (channel_id, gap_start),
    CHECK (gap_end > gap_start),
    CHECK ((state = 'accepted') = (accepted_by IS NOT NULL AND accepted_at IS NOT NULL)),
    CHECK (state <> 'accepted' OR reason IS NOT NULL)
);
CREATE INDEX reading_gaps_open ON reading_gaps (channel_id, gap_end) WHERE state <> 'refetched';
COMMENT ON TABLE reading_gaps IS 'The gap ledger: one row per stretch of a channel that should have readings and had none.';
COMMENT ON COLUMN reading_gaps.channel_id IS 'Channel.';
COMMENT ON COLUMN reading_gaps.gap_start IS 'Start of the first missing interval, UTC.';
COMMENT ON COLUMN reading_gaps.gap_end IS 'End of the last missing interval, UTC, exclusive.';
COMMENT ON COLUMN reading_gaps.interval_s IS 'Length of the channel''s intervals there, seconds.';
COMMENT ON COLUMN reading_gaps.missing_count IS 'How many intervals the stretch has.';
COMMENT ON COLUMN reading_gaps.kind IS '"interior": readings came later; "trailing": nothing came since, so it may still be on its way.';
COMMENT ON COLUMN reading_gaps.state IS 'pending (to be asked for), refetched (it arrived), vendor_empty (asked often enough, nothing came) or accepted (by a person).';
COMMENT ON COLUMN reading_gaps.reason IS 'Why it is in this state, in words; what the person said who accepted it.';
COMMENT ON COLUMN reading_gaps.asked_count IS 'Runs that asked the service for it and got an answer.';
COMMENT ON COLUMN reading_gaps.first_asked_at IS 'When the first of them asked.';
COMMENT ON COLUMN reading_gaps.last_asked_at IS 'When the last of them asked.';
COMMENT ON COLUMN reading_gaps.asks_count_from IS 'Asks before this do not count: the gap was open-ended, or not over yet.';
COMMENT ON COLUMN reading_gaps.found_at IS 'When it was first seen.';
COMMENT ON COLUMN reading_gaps.changed_at IS 'When its extent or state last changed.';
COMMENT ON COLUMN reading_gaps.closed_at IS 'When it was seen that the readings had arrived.';
COMMENT ON COLUMN reading_gaps.accepted_by IS 'Who accepted it.';
COMMENT ON COLUMN reading_gaps.accepted_at IS 'When it was accepted.';

CREATE TABLE reading_gap_scans (
    channel_id    bigint PRIMARY KEY,
    scanned_from  timestamptz NOT NULL,
    scanned_until timestamptz NOT NULL,
    scanned_at    timestamptz NOT NULL
);
COMMENT ON TABLE reading_gap_scans IS 'How far the gap ledger has looked, one row per channel, so that the next look is at what changed only.';
COMMENT ON COLUMN reading_gap_scans.channel_id IS 'Channel.';
COMMENT ON COLUMN reading_gap_scans.scanned_from IS 'Start of the stretch in which readings were expected, UTC.';
COMMENT ON COLUMN reading_gap_scans.scanned_until IS 'Its end, UTC, exclusive.';
COMMENT ON COLUMN reading_gap_scans.scanned_at IS 'When it was looked at.';

CREATE TABLE reading_revisions (
    channel_id    bigint NOT NULL,
    timestamp     timestamptz NOT NULL,
    column_name   text NOT NULL,
    old_value     double precision,
    new_value     double precision NOT NULL,
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ingest_run_id bigint NOT NULL,
    PRIMARY KEY (channel_id, timestamp, column_name, new_value)
);
COMMENT ON TABLE reading_revisions IS 'Values that the source later reported otherwise than stored; recorded, never applied.';
COMMENT ON COLUMN reading_revisions.channel_id IS 'Channel.';
COMMENT ON COLUMN reading_revisions.timestamp IS 'Start of the interval, UTC.';
COMMENT ON COLUMN reading_revisions.column_name IS 'Column of readings.';
COMMENT ON COLUMN reading_revisions.old_value IS 'Value stored, in the column''s unit; null where none is stored.';
COMMENT ON COLUMN reading_revisions.new_value IS 'Value reported later, in the column''s unit.';
COMMENT ON COLUMN reading_revisions.seen_at IS 'When it was first seen.';
COMMENT ON COLUMN reading_revisions.ingest_run_id IS 'Run that first saw it (ingestion_logs.run_id).';

CREATE TABLE rejected_readings (
    channel_id    bigint NOT NULL,
    reject_id     bigint GENERATED ALWAYS AS IDENTITY,
    timestamp     timestamptz,
    interval_s    integer NOT NULL,
    reason        text NOT NULL,
    raw           jsonb NOT NULL,
    reading       jsonb,
    record_key    text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_count    integer NOT NULL DEFAULT 1,
    first_run_id  bigint NOT NULL,
    last_run_id   bigint NOT NULL,
    readmitted_at timestamptz,
    readmitted_by text,
    PRIMARY KEY (channel_id, reject_id),
    UNIQUE (channel_id, record_key)
);
CREATE INDEX rejected_readings_by_time ON rejected_readings (channel_id, timestamp);
COMMENT ON TABLE rejected_readings IS 'Quarantine: records that cannot be right or cannot be placed, each once, as they came.';
COMMENT ON COLUMN rejected_readings.channel_id IS 'Channel asked.';
COMMENT ON COLUMN rejected_readings.reject_id IS 'Number by which a person re-admits it.';
COMMENT ON COLUMN rejected_readings.timestamp IS 'Start of the interval, UTC, as far as it could be read.';
COMMENT ON COLUMN rejected_readings.interval_s IS 'Length of the intervals asked, seconds.';
COMMENT ON COLUMN rejected_readings.reason IS 'Why: a code that docs/guides/ingestion.md explains.';
COMMENT ON COLUMN rejected_readings.raw IS 'The record as it came; text from outside.';
COMMENT ON COLUMN rejected_readings.reading IS 'Its values by column of readings, in their units; null where it cannot be stored at all.';
COMMENT ON COLUMN rejected_readings.record_key IS 'Digest of reason and record: the same one again is counted, not added.';
COMMENT ON COLUMN rejected_readings.first_seen_at IS 'When it came first.';
COMMENT ON COLUMN rejected_readings.last_seen_at IS 'When it came last.';
COMMENT ON COLUMN rejected_readings.seen_count IS 'How often it came.';
COMMENT ON COLUMN rejected_readings.first_run_id IS 'Run that first brought it (ingestion_logs.run_id).';
COMMENT ON COLUMN rejected_readings.last_run_id IS 'Run that last brought it.';
COMMENT ON COLUMN rejected_readings.readmitted_at IS 'When a person let it into readings; null while it is in quarantine.';
COMMENT ON COLUMN rejected_readings.readmitted_by IS 'Who did.';

CREATE TABLE reading_marks (
    channel_id bigint NOT NULL,
    timestamp  timestamptz NOT NULL,
    mark       text NOT NULL CHECK (mark IN ('catch_up', 'clock_change', 'readmitted')),
    detail     text NOT NULL,
    marked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (channel_id, timestamp, mark)
);
COMMENT ON TABLE reading_marks IS 'Readings that are stored as they came but do not mean what they say.';
COMMENT ON COLUMN reading_marks.channel_id IS 'Channel.';
COMMENT ON COLUMN reading_marks.timestamp IS 'Start of the interval, UTC.';
COMMENT ON COLUMN reading_marks.mark IS 'catch_up (holds the energy of the gap before it), clock_change (holds the energy of both passes of a repeated local hour) or readmitted (a person let it in from quarantine).';
COMMENT ON COLUMN reading_marks.detail IS 'The figures behind it, in words.';
COMMENT ON COLUMN reading_marks.marked_at IS 'When it was marked.';

CREATE TABLE ingest_leases (
    organization_id bigint PRIMARY KEY,
    holder          text NOT NULL,
    taken_at        timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL
);
COMMENT ON TABLE ingest_leases IS 'Which process is at work on which site; it renews its row while it lives.';
COMMENT ON COLUMN ingest_leases.organization_id IS 'Site.';
COMMENT ON COLUMN ingest_leases.holder IS 'Script, machine, process, and a random part.';
COMMENT ON COLUMN ingest_leases.taken_at IS 'When it began.';
COMMENT ON COLUMN ingest_leases.expires_at IS 'Until then nobody else begins; a holder that was killed renews no more.';

ALTER TABLE ingestion_logs ADD COLUMN revised integer;
COMMENT ON COLUMN ingestion_logs.revised IS 'Stored intervals for which the reply had another value (reading_revisions).';
CREATE INDEX ingestion_logs_by_window ON ingestion_logs (channel_id, window_end);
