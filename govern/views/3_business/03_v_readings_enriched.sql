-- Grain: one row per meter and interval, labelled by its start. Units: kWh, kW, V, A.
-- Time zone: timestamp is UTC; local_timestamp is the site's wall clock.
CREATE VIEW v_readings_enriched AS
SELECT
    m.meter_id,
    m.meter_name,
    m.site_id,
    m.site_name,
    m.device_id,
    m.device_name,
    m.device_type,
    m.device_uuid,
    r.timestamp,
    r.timestamp AT TIME ZONE m.timezone AS local_timestamp,
    r.interval_s,
    r.energy_kwh * m.unit_factor AS energy_kwh,
    r.power_kw * m.unit_factor AS power_kw,
    (r.power_l1_kw * m.unit_factor)::real AS power_l1_kw,
    (r.power_l2_kw * m.unit_factor)::real AS power_l2_kw,
    (r.power_l3_kw * m.unit_factor)::real AS power_l3_kw,
    (r.reactive_power_kvar * m.unit_factor)::real AS reactive_power_kvar,
    (r.apparent_power_kva * m.unit_factor)::real AS apparent_power_kva,
    r.voltage_v,
    r.voltage_l1_v,
    r.voltage_l2_v,
    r.voltage_l3_v,
    r.current_a,
    r.current_l1_a,
    r.current_l2_a,
    r.current_l3_a,
    r.current_neutral_a,
    r.power_factor,
    r.frequency_hz,
    r.thd_current_pct,
    r.temperature_c,
    r.relative_humidity_pct,
    r.co2_ppm,
    r.ingest_run_id,
    r.exported_energy_kwh * m.unit_factor AS exported_energy_kwh,
    (r.peak_power_kw * m.unit_factor)::real AS peak_power_kw
-- By the site for which a reading was fetched; the channels of the site lead to them.
FROM v_memberships AS m
JOIN readings AS r ON r.channel_id = m.meter_id AND r.organization_id = m.site_id
WHERE r.timestamp < m.counts_before;

COMMENT ON VIEW v_readings_enriched IS 'Readings with the names of their meter, device and site.';
COMMENT ON COLUMN v_readings_enriched.meter_id IS 'Meter (channel) id.';
COMMENT ON COLUMN v_readings_enriched.meter_name IS 'Name of the meter; text from outside.';
COMMENT ON COLUMN v_readings_enriched.site_id IS 'Site (organization) for which it was fetched.';
COMMENT ON COLUMN v_readings_enriched.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_readings_enriched.device_id IS 'Device that measures it.';
COMMENT ON COLUMN v_readings_enriched.device_name IS 'Name of the device; text from outside.';
COMMENT ON COLUMN v_readings_enriched.device_type IS 'Type number of the device.';
COMMENT ON COLUMN v_readings_enriched.device_uuid IS 'Hardware id of the device (MAC address).';
COMMENT ON COLUMN v_readings_enriched.timestamp IS 'Start of the interval, UTC.';
COMMENT ON COLUMN v_readings_enriched.local_timestamp IS 'Start of the interval on the site''s wall clock; the repeated autumn hour occurs twice.';
COMMENT ON COLUMN v_readings_enriched.interval_s IS 'Length of the interval, seconds.';
COMMENT ON COLUMN v_readings_enriched.energy_kwh IS 'Active energy of the interval, kWh; null is missing, zero is a value.';
COMMENT ON COLUMN v_readings_enriched.power_kw IS 'Mean active power, kW.';
COMMENT ON COLUMN v_readings_enriched.power_l1_kw IS 'Mean active power of phase 1, kW.';
COMMENT ON COLUMN v_readings_enriched.power_l2_kw IS 'Mean active power of phase 2, kW.';
COMMENT ON COLUMN v_readings_enriched.power_l3_kw IS 'Mean active power of phase 3, kW.';
COMMENT ON COLUMN v_readings_enriched.reactive_power_kvar IS 'Mean reactive power, kVAr.';
COMMENT ON COLUMN v_readings_enriched.apparent_power_kva IS 'Mean apparent power, kVA.';
COMMENT ON COLUMN v_readings_enriched.voltage_v IS 'Mean line-to-neutral voltage, V.';
COMMENT ON COLUMN v_readings_enriched.voltage_l1_v IS 'Voltage of phase 1, V.';
COMMENT ON COLUMN v_readings_enriched.voltage_l2_v IS 'Voltage of phase 2, V.';
COMMENT ON COLUMN v_readings_enriched.voltage_l3_v IS 'Voltage of phase 3, V.';
COMMENT ON COLUMN v_readings_enriched.current_a IS 'Mean current of the phases, A.';
COMMENT ON COLUMN v_readings_enriched.current_l1_a IS 'Current of phase 1, A.';
COMMENT ON COLUMN v_readings_enriched.current_l2_a IS 'Current of phase 2, A.';
COMMENT ON COLUMN v_readings_enriched.current_l3_a IS 'Current of phase 3, A.';
COMMENT ON COLUMN v_readings_enriched.current_neutral_a IS 'Neutral current, A.';
COMMENT ON COLUMN v_readings_enriched.power_factor IS 'Power factor, 0 to 1.';
COMMENT ON COLUMN v_readings_enriched.frequency_hz IS 'Line frequency, Hz.';
COMMENT ON COLUMN v_readings_enriched.thd_current_pct IS 'Harmonic distortion of the current, percent.';
COMMENT ON COLUMN v_readings_enriched.temperature_c IS 'Air temperature, °C.';
COMMENT ON COLUMN v_readings_enriched.relative_humidity_pct IS 'Relative humidity, percent.';
COMMENT ON COLUMN v_readings_enriched.co2_ppm IS 'Carbon dioxide, ppm.';
COMMENT ON COLUMN v_readings_enriched.ingest_run_id IS 'Run that brought the row.';
COMMENT ON COLUMN v_readings_enriched.exported_energy_kwh IS 'Active energy fed back in the interval, from a register of its own, kWh; null where the meter has none. energy_kwh is import alone then.';
COMMENT ON COLUMN v_readings_enriched.peak_power_kw IS 'Highest active power within the interval, kW; null where the service has none. No demand: that is a mean.';
