-- Grain: one row per meter, site and calendar month that has readings. Units: kWh, kW.
-- Time zone: the site's.
CREATE VIEW v_readings_monthly AS
SELECT
    meter_id,
    meter_name,
    site_id,
    site_name,
    date_trunc('month', local_date::timestamp)::date AS local_month,
    max(max_kw) AS max_kw,
    sum(total_kwh) AS total_kwh,
    sum(reading_count)::bigint AS reading_count,
    count(*) AS days_with_readings,
    sum(completeness_pct) / 100 AS covered_days
FROM v_readings_daily
GROUP BY meter_id, meter_name, site_id, site_name, date_trunc('month', local_date::timestamp)::date;

COMMENT ON VIEW v_readings_monthly IS 'Monthly use of each meter, by the site''s calendar.';
COMMENT ON COLUMN v_readings_monthly.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_readings_monthly.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_readings_monthly.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_readings_monthly.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_readings_monthly.local_month IS 'First day of the month on the site''s calendar.';
COMMENT ON COLUMN v_readings_monthly.max_kw IS 'Highest interval mean power, kW.';
COMMENT ON COLUMN v_readings_monthly.total_kwh IS 'Energy, kWh.';
COMMENT ON COLUMN v_readings_monthly.reading_count IS 'Intervals that have an energy.';
COMMENT ON COLUMN v_readings_monthly.days_with_readings IS 'Local days of the month that have readings.';
COMMENT ON COLUMN v_readings_monthly.covered_days IS 'Days'' worth of readings in the month: half a day counts half.';
