-- Fields come and go. A value that was missing is filled when it comes; what a channel has is told by the values seen, not
-- by what the service accepted; and what the service serves beside energy and power has columns of its own.

ALTER TABLE readings
    ADD COLUMN exported_energy_kwh double precision,
    ADD COLUMN peak_power_kw real;
COMMENT ON TABLE readings IS 'One row per channel and interval. A value stays as first received; one that was missing is filled when it comes.';
COMMENT ON COLUMN readings.exported_energy_kwh IS 'Active energy fed back in the interval, from a register of its own (Ex), kWh; null where the service has none.';
COMMENT ON COLUMN readings.peak_power_kw IS 'Highest active power within the interval (Pmax), kW; null where the service has none.';

-- The one way to add to a row that stands: a value goes where there is NULL, and nowhere else. It works with the owner's
-- rights, so that a role that ingests may fill and still change no value. Missing values come as NaN: an array without
-- NULLs is read in one step, however long it is.
CREATE FUNCTION fill_readings(
    channel bigint, columns text[], moments timestamptz[], offered double precision[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    assignments text;
    conditions text;
    filled integer;
BEGIN
    IF columns && ARRAY['channel_id', 'timestamp', 'interval_s', 'ingest_run_id'] THEN
        RAISE EXCEPTION 'a reading''s place, length and run are not filled'
            USING ERRCODE = 'insufficient_privilege', HINT = 'give columns of values only';
    END IF;
    SELECT
        string_agg(format('%1$I = coalesce(r.%1$I, nullif($3[o.n][%2$s], ''NaN''))', name, place), ', '),
        string_agg(format('r.%1$I IS NULL AND $3[o.n][%2$s] <> ''NaN''', name, place), ' OR ')
    INTO assignments, conditions
    FROM unnest(columns) WITH ORDINALITY AS u (name, place);
    -- The bounds keep other months' partitions out.
    EXECUTE format(
        'UPDATE readings AS r SET %s FROM unnest($2) WITH ORDINALITY AS o (moment, n)'
        ' WHERE r.channel_id = $1 AND r.timestamp = o.moment AND r.timestamp BETWEEN $4 AND $5 AND (%s)',
        assignments, conditions
    ) USING channel, moments, offered,
        (SELECT min(m) FROM unnest(moments) AS m), (SELECT max(m) FROM unnest(moments) AS m);
    GET DIAGNOSTICS filled = ROW_COUNT;
    RETURN filled;
END
$$;
COMMENT ON FUNCTION fill_readings IS 'Fills what is NULL in a channel''s readings, offered by moment and column (NaN for nothing), and overwrites no value; returns how many readings got one.';

ALTER TABLE ingestion_logs ADD COLUMN filled integer;
COMMENT ON COLUMN ingestion_logs.duplicate IS 'Rows that stood already; those filled are among them.';
COMMENT ON COLUMN ingestion_logs.filled IS 'Of the rows that stood already, how many lacked a value that came now.';

COMMENT ON TABLE reading_revisions IS 'Values that the source later reported otherwise than stored; noted, never applied.';

ALTER TABLE channels
    ADD COLUMN asked_fields text[],
    ADD COLUMN full_ask_at timestamptz,
    ADD COLUMN refusals integer NOT NULL DEFAULT 0,
    ADD COLUMN reduced_since timestamptz,
    ADD COLUMN refill_before timestamptz,
    ADD COLUMN license_ends_at timestamptz;
-- What was accepted is what is asked for again; what the channel has is learned from the values of the next answer.
UPDATE channels SET asked_fields = fields WHERE fields IS NOT NULL;
COMMENT ON COLUMN channels.fields IS 'Fields in which a value was seen (E, P, …); null until one was.';
COMMENT ON COLUMN channels.asked_fields IS 'Fields that were last asked for together and answered with values; they are asked for again.';
COMMENT ON COLUMN channels.full_ask_at IS 'When the largest set of fields was last asked for, whether answered or refused; null before the first time.';
COMMENT ON COLUMN channels.refusals IS 'Runs in a row in which the largest set was refused; it is asked for again after 0, 1, 2, 4, then every 7 days.';
COMMENT ON COLUMN channels.reduced_since IS 'Since when the service answers fewer fields than it was asked for, or than it had; null when it answers all.';
COMMENT ON COLUMN channels.refill_before IS 'Readings before this moment were asked for with fewer fields than the channel has; the backfill asks for them again. Null when none are due.';
COMMENT ON COLUMN channels.license_ends_at IS 'End of the license (expires); the service refuses the channel (402) afterwards. Null where none is set.';
