-- Layer 1, raw. Times are UTC; a reading is labelled by its interval's start; energy is kWh, power kW.
-- Every table that grows with the readings carries channel_id in its unique keys, so that it can be distributed by it.

CREATE TABLE organizations (
    organization_id bigint PRIMARY KEY,
    name            text NOT NULL,
    parent_id       bigint,
    timezone        text NOT NULL,
    currency_code   text,
    currency_symbol text,
    address         text,
    city            text,
    state           text,
    post_code       text,
    country         text,
    latitude        double precision,
    longitude       double precision,
    status          text,
    data_source     text NOT NULL,
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE organizations IS 'Sites (organizations of the Eniscope service), one row each.';
COMMENT ON COLUMN organizations.organization_id IS 'Site id, as the service numbers it.';
COMMENT ON COLUMN organizations.name IS 'Name as the service gives it; text from outside, to be escaped where shown.';
COMMENT ON COLUMN organizations.parent_id IS 'Organization above this one, if any.';
COMMENT ON COLUMN organizations.timezone IS 'IANA time zone of the site''s local days.';
COMMENT ON COLUMN organizations.currency_code IS 'ISO 4217 code.';
COMMENT ON COLUMN organizations.currency_symbol IS 'Symbol to show beside amounts.';
COMMENT ON COLUMN organizations.address IS 'Street address, its lines joined by commas.';
COMMENT ON COLUMN organizations.city IS 'City.';
COMMENT ON COLUMN organizations.state IS 'State or region.';
COMMENT ON COLUMN organizations.post_code IS 'Postal code.';
COMMENT ON COLUMN organizations.country IS 'Country.';
COMMENT ON COLUMN organizations.latitude IS 'Degrees north.';
COMMENT ON COLUMN organizations.longitude IS 'Degrees east.';
COMMENT ON COLUMN organizations.status IS 'Status word of the service.';
COMMENT ON COLUMN organizations.data_source IS 'Where the readings come from: "eniscope", or "sandbox" for the stand-in.';
COMMENT ON COLUMN organizations.first_seen_at IS 'When an ingest first registered the site.';
COMMENT ON COLUMN organizations.updated_at IS 'When an ingest last registered the site.';

CREATE TABLE devices (
    device_id       bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    name            text NOT NULL,
    device_type_id  integer,
    uuid            text,
    status          text,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX devices_by_organization ON devices (organization_id);
COMMENT ON TABLE devices IS 'Metering devices, one row each.';
COMMENT ON COLUMN devices.device_id IS 'Device id, as the service numbers it.';
COMMENT ON COLUMN devices.organization_id IS 'Site the device belongs to.';
COMMENT ON COLUMN devices.name IS 'Name as the service gives it.';
COMMENT ON COLUMN devices.device_type_id IS 'Type number of the service; 20 is a Hybrid 8 metering point.';
COMMENT ON COLUMN devices.uuid IS 'Hardware id: the device''s MAC address in 12 hex digits.';
COMMENT ON COLUMN devices.status IS 'Status word of the service.';
COMMENT ON COLUMN devices.updated_at IS 'When an ingest last registered the device.';

CREATE TABLE channels (
    channel_id        bigint PRIMARY KEY,
    organization_id   bigint NOT NULL,
    device_id         bigint,
    name              text NOT NULL,
    parent_id         bigint,
    meter_id          bigint,
    uuid              text,
    device_type_id    integer,
    data_type         text,
    displayed_phase   text,
    is_metering_point boolean,
    installed_at      timestamptz,
    uninstalled_at    timestamptz,
    status            text,
    fields            text[],
    is_unsupported    boolean NOT NULL DEFAULT false,
    is_listed         boolean NOT NULL DEFAULT true,
    first_seen_at     timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX channels_by_organization ON channels (organization_id);
COMMENT ON TABLE channels IS 'Data channels (sub-meters and sensors), one row each.';
COMMENT ON COLUMN channels.channel_id IS 'Channel id (dataChannelId of the service).';
COMMENT ON COLUMN channels.organization_id IS 'Site the channel belongs to.';
COMMENT ON COLUMN channels.device_id IS 'Device that measures it.';
COMMENT ON COLUMN channels.name IS 'Name as the service gives it; text from outside, to be escaped where shown.';
COMMENT ON COLUMN channels.parent_id IS 'Channel whose energy contains this one''s, if the service says so.';
COMMENT ON COLUMN channels.meter_id IS 'Meter id of the service.';
COMMENT ON COLUMN channels.uuid IS 'Hardware id: 12 hex digits of the device''s MAC address and 4 of the input.';
COMMENT ON COLUMN channels.device_type_id IS 'Type number of the service; 20 is a Hybrid 8 metering point.';
COMMENT ON COLUMN channels.data_type IS 'Data type word of the service.';
COMMENT ON COLUMN channels.displayed_phase IS 'Phase that the service shows.';
COMMENT ON COLUMN channels.is_metering_point IS 'True for an electrical meter, false for a sensor, null if not said.';
COMMENT ON COLUMN channels.installed_at IS 'When it was installed; nothing is expected before.';
COMMENT ON COLUMN channels.uninstalled_at IS 'When it was removed; nothing is expected after.';
COMMENT ON COLUMN channels.status IS 'Status word of the service.';
COMMENT ON COLUMN channels.fields IS 'Fields the service last accepted for it (E, P, …); null until a reading was asked.';
COMMENT ON COLUMN channels.is_unsupported IS 'True when the service refused every set of fields: a virtual or foreign channel.';
COMMENT ON COLUMN channels.is_listed IS 'False once the service lists the channel no longer.';
COMMENT ON COLUMN channels.first_seen_at IS 'When an ingest first registered the channel.';
COMMENT ON COLUMN channels.updated_at IS 'When an ingest last registered the channel.';

-- Partitioned by month from the first day on: old months can be dropped, and a query for a week reads one or two.
CREATE TABLE readings (
    channel_id            bigint NOT NULL,
    timestamp             timestamptz NOT NULL,
    interval_s            integer NOT NULL,
    energy_kwh            double precision,
    power_kw              double precision,
    power_l1_kw           real,
    power_l2_kw           real,
    power_l3_kw           real,
    reactive_power_kvar   real,
    apparent_power_kva    real,
    voltage_v             real,
    voltage_l1_v          real,
    voltage_l2_v          real,
    voltage_l3_v          real,
    current_a             real,
    current_l1_a          real,
    current_l2_a          real,
    current_l3_a          real,
    current_neutral_a     real,
    power_factor          real,
    frequency_hz          real,
    thd_current_pct       real,
    temperature_c         real,
    relative_humidity_pct real,
    co2_ppm               real,
    ingest_run_id         bigint NOT NULL,
    PRIMARY KEY (channel_id, timestamp)
) PARTITION BY RANGE (timestamp);
COMMENT ON TABLE readings IS 'One row per channel and interval, as first received; never updated.';
COMMENT ON COLUMN readings.channel_id IS 'Channel measured.';
COMMENT ON COLUMN readings.timestamp IS 'Start of the interval, UTC.';
COMMENT ON COLUMN readings.interval_s IS 'Length of the interval in seconds, from the reply''s own resolution.';
COMMENT ON COLUMN readings.energy_kwh IS 'Active energy used in the interval, kWh.';
COMMENT ON COLUMN readings.power_kw IS 'Mean active power, kW.';
COMMENT ON COLUMN readings.power_l1_kw IS 'Mean active power of phase 1, kW.';
COMMENT ON COLUMN readings.power_l2_kw IS 'Mean active power of phase 2, kW.';
COMMENT ON COLUMN readings.power_l3_kw IS 'Mean active power of phase 3, kW.';
COMMENT ON COLUMN readings.reactive_power_kvar IS 'Mean reactive power, kVAr.';
COMMENT ON COLUMN readings.apparent_power_kva IS 'Mean apparent power, kVA.';
COMMENT ON COLUMN readings.voltage_v IS 'Mean line-to-neutral voltage of the phases, V.';
COMMENT ON COLUMN readings.voltage_l1_v IS 'Line-to-neutral voltage of phase 1, V.';
COMMENT ON COLUMN readings.voltage_l2_v IS 'Line-to-neutral voltage of phase 2, V.';
COMMENT ON COLUMN readings.voltage_l3_v IS 'Line-to-neutral voltage of phase 3, V.';
COMMENT ON COLUMN readings.current_a IS 'Mean current of the phases, A.';
COMMENT ON COLUMN readings.current_l1_a IS 'Current of phase 1, A.';
COMMENT ON COLUMN readings.current_l2_a IS 'Current of phase 2, A.';
COMMENT ON COLUMN readings.current_l3_a IS 'Current of phase 3, A.';
COMMENT ON COLUMN readings.current_neutral_a IS 'Neutral current, A.';
COMMENT ON COLUMN readings.power_factor IS 'Power factor, active over apparent power, 0 to 1.';
COMMENT ON COLUMN readings.frequency_hz IS 'Line frequency, Hz.';
COMMENT ON COLUMN readings.thd_current_pct IS 'Total harmonic distortion of the current, percent.';
COMMENT ON COLUMN readings.temperature_c IS 'Air temperature, °C.';
COMMENT ON COLUMN readings.relative_humidity_pct IS 'Relative humidity, percent.';
COMMENT ON COLUMN readings.co2_ppm IS 'Carbon dioxide, ppm.';
COMMENT ON COLUMN readings.ingest_run_id IS 'Run that brought the row (ingestion_logs.run_id).';

-- Makes the months that a load is about to need. Cheap when they stand; safe when two loads race for the same one.
CREATE FUNCTION ensure_reading_partitions(first_moment timestamptz, last_moment timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month_start timestamp := date_trunc('month', first_moment AT TIME ZONE 'UTC');
    partition_name text;
    made integer := 0;
BEGIN
    WHILE month_start <= last_moment AT TIME ZONE 'UTC' LOOP
        partition_name := 'readings_' || to_char(month_start, 'YYYY_MM');
        IF to_regclass(quote_ident(partition_name)) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('ensure_reading_partitions'));
            IF to_regclass(quote_ident(partition_name)) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF readings FOR VALUES FROM (%L) TO (%L)', partition_name,
                    to_char(month_start, 'YYYY-MM-DD') || ' 00:00:00+00',
                    to_char(month_start + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
                made := made + 1;
            END IF;
        END IF;
        month_start := month_start + interval '1 month';
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION ensure_reading_partitions IS 'Makes the monthly partitions of readings between two moments; returns how many were new.';

CREATE SEQUENCE ingest_run_ids;
COMMENT ON SEQUENCE ingest_run_ids IS 'Numbers the runs of the ingest scripts.';

CREATE TABLE ingestion_logs (
    log_id          bigint GENERATED ALWAYS AS IDENTITY,
    run_id          bigint NOT NULL,
    organization_id bigint NOT NULL,
    channel_id      bigint NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    interval_s      integer NOT NULL,
    data_source     text NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    fetched         integer,
    inserted        integer,
    duplicate       integer,
    rejected        integer,
    status          text NOT NULL CHECK (status IN ('running', 'done', 'unsupported', 'failed', 'interrupted')),
    error           text,
    PRIMARY KEY (channel_id, log_id)
);
CREATE INDEX ingestion_logs_by_organization ON ingestion_logs (organization_id, finished_at);
COMMENT ON TABLE ingestion_logs IS 'One row per attempt to fetch one channel over one window.';
COMMENT ON COLUMN ingestion_logs.log_id IS 'Number of the attempt.';
COMMENT ON COLUMN ingestion_logs.run_id IS 'Number of the run of the ingest script.';
COMMENT ON COLUMN ingestion_logs.organization_id IS 'Site.';
COMMENT ON COLUMN ingestion_logs.channel_id IS 'Channel asked; 0 for the site''s own registration.';
COMMENT ON COLUMN ingestion_logs.window_start IS 'Start of the window asked, UTC.';
COMMENT ON COLUMN ingestion_logs.window_end IS 'End of the window asked, UTC, exclusive.';
COMMENT ON COLUMN ingestion_logs.interval_s IS 'Resolution asked, seconds.';
COMMENT ON COLUMN ingestion_logs.data_source IS '"eniscope" or "sandbox".';
COMMENT ON COLUMN ingestion_logs.started_at IS 'When the attempt began.';
COMMENT ON COLUMN ingestion_logs.finished_at IS 'When it ended; null while it runs.';
COMMENT ON COLUMN ingestion_logs.fetched IS 'Records in the reply.';
COMMENT ON COLUMN ingestion_logs.inserted IS 'Rows new to the database.';
COMMENT ON COLUMN ingestion_logs.duplicate IS 'Rows that stood already.';
COMMENT ON COLUMN ingestion_logs.rejected IS 'Records left out, such as those without a time stamp.';
COMMENT ON COLUMN ingestion_logs.status IS 'running, done, unsupported (no such fields), failed, or interrupted (the run was killed).';
COMMENT ON COLUMN ingestion_logs.error IS 'What went wrong, without secrets.';

CREATE TABLE validation_runs (
    validation_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id   bigint NOT NULL,
    started_at        timestamptz NOT NULL,
    finished_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    verdict           text NOT NULL CHECK (verdict IN ('closed', 'open')),
    checks_run        integer NOT NULL CHECK (checks_run > 0),
    covers_ingest_until timestamptz,
    covers_from       timestamptz NOT NULL,
    limits            jsonb NOT NULL
);
CREATE INDEX validation_runs_by_organization ON validation_runs (organization_id, validation_run_id);
COMMENT ON TABLE validation_runs IS 'One row per validation of a site: the circuit breaker''s state.';
COMMENT ON COLUMN validation_runs.validation_run_id IS 'Number of the run.';
COMMENT ON COLUMN validation_runs.organization_id IS 'Site validated.';
COMMENT ON COLUMN validation_runs.started_at IS 'When it began.';
COMMENT ON COLUMN validation_runs.finished_at IS 'When its verdict was stored.';
COMMENT ON COLUMN validation_runs.verdict IS '"closed": data may pass on to reports; "open": held back.';
COMMENT ON COLUMN validation_runs.checks_run IS 'How many checks were executed; a run without any is not stored.';
COMMENT ON COLUMN validation_runs.covers_ingest_until IS 'End of the newest ingest attempt it saw; a later one makes the verdict outdated.';
COMMENT ON COLUMN validation_runs.covers_from IS 'Start of the look-back: readings before it were not looked at.';
COMMENT ON COLUMN validation_runs.limits IS 'The limits in force.';

CREATE TABLE validation_results (
    validation_run_id bigint NOT NULL,
    check_name        text NOT NULL,
    severity          text NOT NULL CHECK (severity IN ('block', 'warn')),
    is_passed         boolean NOT NULL,
    finding_count     integer NOT NULL,
    message           text NOT NULL,
    hint              text NOT NULL,
    PRIMARY KEY (validation_run_id, check_name)
);
COMMENT ON TABLE validation_results IS 'One row per validation run and check.';
COMMENT ON COLUMN validation_results.validation_run_id IS 'Run (validation_runs).';
COMMENT ON COLUMN validation_results.check_name IS 'Name of the check: its file''s name in govern/checks.';
COMMENT ON COLUMN validation_results.severity IS '"block" opens the breaker when it fails; "warn" does not.';
COMMENT ON COLUMN validation_results.is_passed IS 'Whether the check found nothing.';
COMMENT ON COLUMN validation_results.finding_count IS 'How many things it found.';
COMMENT ON COLUMN validation_results.message IS 'What was found, in words, with examples.';
COMMENT ON COLUMN validation_results.hint IS 'What to do about it.';
