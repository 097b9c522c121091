-- Grain: one row per site and UTC hour with weather, labelled by its start. Units: °C, percent, W/m².
-- Time zone: hour is UTC; local_hour is the site's wall clock.
CREATE VIEW v_weather_hourly AS
SELECT
    w.organization_id AS site_id,
    o.name AS site_name,
    w.timestamp AS hour,
    w.timestamp AT TIME ZONE o.timezone AS local_hour,
    w.temp_c,
    w.relative_humidity_pct,
    w.irradiance_w_m2,
    w.source,
    w.is_provisional
FROM weather_hourly AS w
JOIN organizations AS o USING (organization_id);

COMMENT ON VIEW v_weather_hourly IS 'Outdoor weather at each site by the hour.';
COMMENT ON COLUMN v_weather_hourly.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_weather_hourly.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_weather_hourly.hour IS 'Start of the hour, UTC.';
COMMENT ON COLUMN v_weather_hourly.local_hour IS 'Start of the hour on the site''s wall clock.';
COMMENT ON COLUMN v_weather_hourly.temp_c IS 'Mean air temperature 2 m above ground, °C.';
COMMENT ON COLUMN v_weather_hourly.relative_humidity_pct IS 'Mean relative humidity, percent.';
COMMENT ON COLUMN v_weather_hourly.irradiance_w_m2 IS 'Mean global irradiance on a horizontal surface, W/m².';
COMMENT ON COLUMN v_weather_hourly.source IS 'Who says so: "open-meteo", "nasa-power", or "sandbox" for made-up weather.';
COMMENT ON COLUMN v_weather_hourly.is_provisional IS 'True while the source may still correct it.';
