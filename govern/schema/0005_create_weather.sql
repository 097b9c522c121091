-- Outdoor weather by the hour, for the analyses whose loads follow it, and the log of every attempt to fetch it.
-- A few thousand rows a site and year: not distributed with the readings, but kept whole beside them. The log is not in
-- ingestion_logs, where a newer line makes the verdict of a validation outdated: weather changes no reading.

CREATE TABLE weather_fetches (
    organization_id bigint NOT NULL,
    fetch_id        bigint GENERATED ALWAYS AS IDENTITY,
    source          text NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    fetched         integer,
    stored          integer,
    status          text NOT NULL CHECK (status IN ('running', 'done', 'failed')),
    error           text,
    PRIMARY KEY (organization_id, fetch_id)
);
COMMENT ON TABLE weather_fetches IS 'One row per attempt to fetch a stretch of a site''s weather.';
COMMENT ON COLUMN weather_fetches.organization_id IS 'Site.';
COMMENT ON COLUMN weather_fetches.fetch_id IS 'Number of the attempt.';
COMMENT ON COLUMN weather_fetches.source IS 'Who answered, such as "open-meteo"; empty until then.';
COMMENT ON COLUMN weather_fetches.window_start IS 'Start of the stretch asked, UTC.';
COMMENT ON COLUMN weather_fetches.window_end IS 'End of the stretch asked, UTC, exclusive.';
COMMENT ON COLUMN weather_fetches.started_at IS 'When the attempt began.';
COMMENT ON COLUMN weather_fetches.finished_at IS 'When it ended; null while it runs, or if it was killed.';
COMMENT ON COLUMN weather_fetches.fetched IS 'Hours with a value in the reply.';
COMMENT ON COLUMN weather_fetches.stored IS 'Hours that were new, or settled a provisional one.';
COMMENT ON COLUMN weather_fetches.status IS 'running, done or failed.';
COMMENT ON COLUMN weather_fetches.error IS 'What went wrong.';

CREATE TABLE weather_hourly (
    organization_id       bigint NOT NULL,
    timestamp             timestamptz NOT NULL,
    temp_c                real,
    relative_humidity_pct real,
    irradiance_w_m2       real,
    source                text NOT NULL,
    is_provisional        boolean NOT NULL,
    fetch_id              bigint NOT NULL,
    PRIMARY KEY (organization_id, timestamp)
);
COMMENT ON TABLE weather_hourly IS 'Outdoor weather at a site, one row per UTC hour.';
COMMENT ON COLUMN weather_hourly.organization_id IS 'Site, by whose coordinates it was asked.';
COMMENT ON COLUMN weather_hourly.timestamp IS 'Start of the hour, UTC.';
COMMENT ON COLUMN weather_hourly.temp_c IS 'Mean air temperature of the hour 2 m above ground, °C.';
COMMENT ON COLUMN weather_hourly.relative_humidity_pct IS 'Mean relative humidity of the hour, percent.';
COMMENT ON COLUMN weather_hourly.irradiance_w_m2 IS 'Mean global irradiance of the hour on a horizontal surface, W/m².';
COMMENT ON COLUMN weather_hourly.source IS '"open-meteo", "nasa-power", or "sandbox" for made-up weather.';
COMMENT ON COLUMN weather_hourly.is_provisional IS 'True while the source may still correct it: asked for again, and replaced then.';
COMMENT ON COLUMN weather_hourly.fetch_id IS 'Attempt that brought it (weather_fetches).';

COMMENT ON COLUMN organizations.data_source IS 'Where the readings come from: "eniscope", "file" for imported interval files, or "sandbox" for the stand-in.';
COMMENT ON COLUMN organizations.organization_id IS 'Site id, as the service numbers it, or as the operator does for a site of files.';
COMMENT ON COLUMN channels.channel_id IS 'Channel id (dataChannelId of the service); from 2^52 on a digest of site and name, for channels of files.';
COMMENT ON COLUMN ingestion_logs.data_source IS '"eniscope", "file" or "sandbox".';
