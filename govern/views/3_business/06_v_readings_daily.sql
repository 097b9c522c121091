-- Grain: one row per meter, site and local day that has readings. Units: kWh, kW, percent.
-- Time zone: the site's.
CREATE VIEW v_readings_daily AS
SELECT
    m.meter_id,
    m.meter_name,
    m.site_id,
    m.site_name,
    u.local_date,
    u.avg_kw * m.unit_factor AS avg_kw,
    u.min_kw * m.unit_factor AS min_kw,
    u.max_kw * m.unit_factor AS max_kw,
    u.total_kwh * m.unit_factor AS total_kwh,
    u.reading_count,
    -- The day's own length: 23, 24 or 25 hours.
    100.0 * u.covered_s / extract(epoch FROM
        ((u.local_date + 1)::timestamp AT TIME ZONE m.timezone) - (u.local_date::timestamp AT TIME ZONE m.timezone)
    )::double precision AS completeness_pct,
    u.missing_count,
    u.negative_count
-- By the site for which the readings were fetched; the channels of the site lead to them.
FROM v_memberships AS m
JOIN mv_daily_usage AS u ON u.meter_id = m.meter_id AND u.site_id = m.site_id
-- After its last day a meter counts no longer.
WHERE m.counts_until IS NULL OR u.local_date <= m.counts_until;

COMMENT ON VIEW v_readings_daily IS 'Daily use of each meter, by the site''s calendar.';
COMMENT ON COLUMN v_readings_daily.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_readings_daily.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_readings_daily.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_readings_daily.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_readings_daily.local_date IS 'Day on the site''s calendar.';
COMMENT ON COLUMN v_readings_daily.avg_kw IS 'Mean of the intervals'' mean power, kW.';
COMMENT ON COLUMN v_readings_daily.min_kw IS 'Lowest interval mean power, kW.';
COMMENT ON COLUMN v_readings_daily.max_kw IS 'Highest interval mean power, kW.';
COMMENT ON COLUMN v_readings_daily.total_kwh IS 'Energy, kWh.';
COMMENT ON COLUMN v_readings_daily.reading_count IS 'Intervals that have an energy.';
COMMENT ON COLUMN v_readings_daily.completeness_pct IS 'Share of the day covered by readings, percent.';
COMMENT ON COLUMN v_readings_daily.missing_count IS 'Intervals that were received without an energy.';
COMMENT ON COLUMN v_readings_daily.negative_count IS 'Intervals whose energy is negative: a counter was reset.';
