-- Old months of readings can be dropped (govern/drop_old_readings.py); Layer 2 keeps their hours and days. What is gone
-- is a fact that the others go by: the refresh recomputes nothing before it, and no load brings a part of it back.
CREATE TABLE raw_retention (
    raw_kept_from timestamptz PRIMARY KEY,
    dropped       text[] NOT NULL,
    dropped_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE raw_retention IS 'Each time that old months of readings were dropped; the latest moment holds. Days before it stay as they were, even if the site''s time zone changes.';
COMMENT ON COLUMN raw_retention.raw_kept_from IS 'Readings before this moment are gone, UTC: the start of a month.';
COMMENT ON COLUMN raw_retention.dropped IS 'Partitions that were dropped.';
COMMENT ON COLUMN raw_retention.dropped_at IS 'When.';

CREATE OR REPLACE FUNCTION ensure_reading_partitions(first_moment timestamptz, last_moment timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    kept_from timestamptz := (SELECT max(raw_kept_from) FROM raw_retention);
BEGIN
    IF first_moment < kept_from THEN
        RAISE EXCEPTION 'readings before % were dropped for good, and a part of them would replace whole days of Layer 2',
            to_char(kept_from AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            USING HINT = 'ask for later days only';
    END IF;
    RETURN ensure_month_partitions('readings', first_moment, last_moment);
END
$$;
