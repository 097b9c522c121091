-- Layer 2 was two materialized views, recomputed whole. Now it is two tables: a load says in usage_queue what it
-- brought, and refresh_views.py recomputes just those hours and days. Names and columns stay for their readers.

-- The views on them come back with the view files, which setup_database.py applies after the migrations.
DROP VIEW IF EXISTS v_readings_monthly, v_readings_daily, v_readings_hourly;
DROP MATERIALIZED VIEW IF EXISTS mv_hourly_usage, mv_daily_usage;
DELETE FROM view_definitions
WHERE name IN ('mv_hourly_usage', 'mv_daily_usage', 'v_readings_hourly', 'v_readings_daily', 'v_readings_monthly');

-- CREATE TABLE … PARTITION OF would lock the whole table against its readers, and two loads that read before they
-- write could wait for each other. A table made beside it and attached locks nobody out.
-- There is no default partition: a row in it would have to be moved before its month could be made, and the months are
-- made before every load anyway. A row that fits nowhere is a mistake, and fails as one.
CREATE FUNCTION ensure_month_partitions(parent text, first_moment timestamptz, last_moment timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month_start timestamp := date_trunc('month', first_moment AT TIME ZONE 'UTC');
    partition_name text;
    made integer := 0;
BEGIN
    WHILE month_start <= last_moment AT TIME ZONE 'UTC' LOOP
        partition_name := parent || to_char(month_start, '_YYYY_MM');
        IF to_regclass(quote_ident(partition_name)) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('ensure_month_partitions'));
            IF to_regclass(quote_ident(partition_name)) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition_name, parent);
                EXECUTE format(
                    'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition_name,
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
COMMENT ON FUNCTION ensure_month_partitions IS 'Makes the monthly partitions of a table between two moments; returns how many were new.';

CREATE OR REPLACE FUNCTION ensure_reading_partitions(first_moment timestamptz, last_moment timestamptz) RETURNS integer
LANGUAGE sql AS $$ SELECT ensure_month_partitions('readings', first_moment, last_moment) $$;

CREATE TABLE mv_hourly_usage (
    meter_id       bigint NOT NULL,
    hour           timestamptz NOT NULL,
    avg_kw         double precision,
    max_kw         double precision,
    total_kwh      double precision,
    reading_count  integer NOT NULL,
    covered_s      integer NOT NULL,
    missing_count  integer NOT NULL,
    negative_count integer NOT NULL,
    PRIMARY KEY (meter_id, hour)
) PARTITION BY RANGE (hour);
COMMENT ON TABLE mv_hourly_usage IS 'Use per meter and UTC hour; kept by govern/refresh_views.py.';
COMMENT ON COLUMN mv_hourly_usage.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN mv_hourly_usage.hour IS 'Start of the hour, UTC.';
COMMENT ON COLUMN mv_hourly_usage.avg_kw IS 'Mean of the intervals'' mean power, kW.';
COMMENT ON COLUMN mv_hourly_usage.max_kw IS 'Highest interval mean power, kW.';
COMMENT ON COLUMN mv_hourly_usage.total_kwh IS 'Energy of the hour, kWh; null when every interval''s energy is missing.';
COMMENT ON COLUMN mv_hourly_usage.reading_count IS 'Intervals that have an energy.';
COMMENT ON COLUMN mv_hourly_usage.covered_s IS 'Seconds that those intervals cover.';
COMMENT ON COLUMN mv_hourly_usage.missing_count IS 'Intervals that were received without an energy.';
COMMENT ON COLUMN mv_hourly_usage.negative_count IS 'Intervals whose energy is negative: a counter was reset.';

CREATE TABLE mv_daily_usage (
    meter_id       bigint NOT NULL,
    local_date     date NOT NULL,
    avg_kw         double precision,
    min_kw         double precision,
    max_kw         double precision,
    total_kwh      double precision,
    reading_count  integer NOT NULL,
    covered_s      integer NOT NULL,
    missing_count  integer NOT NULL,
    negative_count integer NOT NULL,
    PRIMARY KEY (meter_id, local_date)
);
COMMENT ON TABLE mv_daily_usage IS 'Use per meter and local day; kept by govern/refresh_views.py.';
COMMENT ON COLUMN mv_daily_usage.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN mv_daily_usage.local_date IS 'Day on the site''s calendar; it has 23, 24 or 25 hours.';
COMMENT ON COLUMN mv_daily_usage.avg_kw IS 'Mean of the intervals'' mean power, kW.';
COMMENT ON COLUMN mv_daily_usage.min_kw IS 'Lowest interval mean power, kW.';
COMMENT ON COLUMN mv_daily_usage.max_kw IS 'Highest interval mean power, kW.';
COMMENT ON COLUMN mv_daily_usage.total_kwh IS 'Energy of the day, kWh; null when every interval''s energy is missing.';
COMMENT ON COLUMN mv_daily_usage.reading_count IS 'Intervals that have an energy.';
COMMENT ON COLUMN mv_daily_usage.covered_s IS 'Seconds of the day that those intervals cover.';
COMMENT ON COLUMN mv_daily_usage.missing_count IS 'Intervals that were received without an energy.';
COMMENT ON COLUMN mv_daily_usage.negative_count IS 'Intervals whose energy is negative: a counter was reset.';

CREATE TABLE usage_queue (
    channel_id bigint NOT NULL,
    change_id  bigint GENERATED ALWAYS AS IDENTITY,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL CHECK (last_at >= first_at),
    queued_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel_id, change_id)
);
COMMENT ON TABLE usage_queue IS 'Changes of readings that Layer 2 does not hold yet; a refresh takes them out.';
COMMENT ON COLUMN usage_queue.channel_id IS 'Channel whose readings changed.';
COMMENT ON COLUMN usage_queue.change_id IS 'Number of the change.';
COMMENT ON COLUMN usage_queue.first_at IS 'Start of the first interval that changed, UTC.';
COMMENT ON COLUMN usage_queue.last_at IS 'Start of the last interval that changed, UTC.';
COMMENT ON COLUMN usage_queue.queued_at IS 'When the transaction that changed them began.';

CREATE TABLE usage_state (
    channel_id   bigint PRIMARY KEY,
    timezone     text NOT NULL,
    refreshed_at timestamptz NOT NULL
);
COMMENT ON TABLE usage_state IS 'Channels that Layer 2 holds, and how their days were cut.';
COMMENT ON COLUMN usage_state.channel_id IS 'Channel.';
COMMENT ON COLUMN usage_state.timezone IS 'IANA time zone by which its days were cut; when the site''s is another, they are cut anew.';
COMMENT ON COLUMN usage_state.refreshed_at IS 'When its hours and days were last recomputed.';

-- What the database holds is computed once more here, as one refresh of the old views would, so that nobody reads an
-- empty Layer 2 meanwhile.
SELECT ensure_month_partitions('mv_hourly_usage', min(timestamp), max(timestamp)) FROM readings;

INSERT INTO mv_hourly_usage
    (meter_id, hour, avg_kw, max_kw, total_kwh, reading_count, covered_s, missing_count, negative_count)
SELECT
    channel_id,
    date_trunc('hour', timestamp, 'UTC'),
    avg(power_kw),
    max(power_kw),
    sum(energy_kwh),
    count(energy_kwh),
    coalesce(sum(interval_s) FILTER (WHERE energy_kwh IS NOT NULL), 0),
    count(*) - count(energy_kwh),
    count(*) FILTER (WHERE energy_kwh < 0)
FROM readings
GROUP BY channel_id, date_trunc('hour', timestamp, 'UTC');

INSERT INTO mv_daily_usage
    (meter_id, local_date, avg_kw, min_kw, max_kw, total_kwh, reading_count, covered_s, missing_count, negative_count)
SELECT
    r.channel_id,
    (r.timestamp AT TIME ZONE o.timezone)::date,
    avg(r.power_kw),
    min(r.power_kw),
    max(r.power_kw),
    sum(r.energy_kwh),
    count(r.energy_kwh),
    coalesce(sum(r.interval_s) FILTER (WHERE r.energy_kwh IS NOT NULL), 0),
    count(*) - count(r.energy_kwh),
    count(*) FILTER (WHERE r.energy_kwh < 0)
FROM readings AS r
JOIN channels AS c USING (channel_id)
JOIN organizations AS o USING (organization_id)
GROUP BY r.channel_id, (r.timestamp AT TIME ZONE o.timezone)::date;

INSERT INTO usage_state (channel_id, timezone, refreshed_at)
SELECT c.channel_id, o.timezone, now()
FROM channels AS c
JOIN organizations AS o USING (organization_id)
WHERE EXISTS (SELECT FROM readings AS r WHERE r.channel_id = c.channel_id);
