-- Every view has the columns that its readers were promised, of the types they were promised; it may have more.
-- Scope: system
-- Hint: run: python govern/setup_database.py; a column that was meant to go needs its readers changed, and this list.
WITH promises (view, columns) AS (
    VALUES
        ('mv_hourly_usage',
            'meter_id bigint, hour timestamp with time zone, avg_kw double precision, max_kw double precision, '
            'total_kwh double precision, reading_count integer, covered_s integer, missing_count integer, '
            'negative_count integer, site_id bigint'),
        ('mv_daily_usage',
            'meter_id bigint, local_date date, avg_kw double precision, min_kw double precision, max_kw double '
            'precision, total_kwh double precision, reading_count integer, covered_s integer, missing_count integer, '
            'negative_count integer, site_id bigint'),
        ('v_sites',
            'site_id bigint, site_name text, timezone text, address text, city text, state text, post_code text, '
            'country text, currency_code text, currency_symbol text, latitude double precision, longitude double '
            'precision, data_source text'),
        ('v_memberships',
            'meter_id bigint, meter_name text, site_id bigint, site_name text, timezone text, device_id bigint, '
            'device_name text, device_type integer, device_uuid text, member_until timestamp with time zone, '
            'unit_factor double precision, counts_until date, counts_before timestamp with time zone'),
        ('v_latest_readings',
            'meter_id bigint, meter_name text, site_id bigint, site_name text, timestamp timestamp with time zone, '
            'local_timestamp timestamp without time zone, interval_s integer, energy_kwh double precision, power_kw '
            'double precision'),
        ('v_meters',
            'meter_id bigint, meter_name text, site_id bigint, site_name text, device_id bigint, device_name text, '
            'device_type integer, device_uuid text, parent_meter_id bigint, is_energy_meter boolean, interval_s '
            'integer, installed_at timestamp with time zone, uninstalled_at timestamp with time zone, status text, kind '
            'text, must_run boolean, is_counted boolean, counted_by bigint, is_excluded boolean, is_parent_named boolean, '
            'unit_factor double precision, point_id bigint, point_view text, is_listed boolean'),
        ('v_readings_enriched',
            'meter_id bigint, meter_name text, site_id bigint, site_name text, device_id bigint, device_name text, '
            'device_type integer, device_uuid text, timestamp timestamp with time zone, local_timestamp timestamp '
            'without time zone, interval_s integer, energy_kwh double precision, power_kw double precision, '
            'power_l1_kw real, power_l2_kw real, power_l3_kw real, reactive_power_kvar real, apparent_power_kva real, '
            'voltage_v real, voltage_l1_v real, voltage_l2_v real, voltage_l3_v real, current_a real, current_l1_a '
            'real, current_l2_a real, current_l3_a real, current_neutral_a real, power_factor real, frequency_hz '
            'real, thd_current_pct real, temperature_c real, relative_humidity_pct real, co2_ppm real, ingest_run_id '
            'bigint, exported_energy_kwh double precision, peak_power_kw real'),
        ('v_readings_hourly',
            'meter_id bigint, meter_name text, site_id bigint, site_name text, hour timestamp with time zone, '
            'local_hour timestamp without time zone, avg_kw double precision, max_kw double precision, total_kwh '
            'double precision, reading_count integer, completeness_pct double precision, missing_count integer, '
            'negative_count integer'),
        ('v_readings_daily',
            'meter_id bigint, meter_name text, site_id bigint, site_name text, local_date date, avg_kw double '
            'precision, min_kw double precision, max_kw double precision, total_kwh double precision, reading_count '
            'integer, completeness_pct double precision, missing_count integer, negative_count integer'),
        ('v_readings_monthly',
            'meter_id bigint, meter_name text, site_id bigint, site_name text, local_month date, max_kw double '
            'precision, total_kwh double precision, reading_count bigint, days_with_readings bigint'),
        ('v_validation_status',
            'site_id bigint, site_name text, validation_run_id bigint, verdict text, checks_run integer, validated_at '
            'timestamp with time zone, last_ingest_at timestamp with time zone, ingested_until timestamp with time '
            'zone, is_current boolean, blocking_checks text[], warning_checks text[], blocking_message text, '
            'blocking_hint text, reach text, evidence jsonb, quarantined_energy_pct double precision, override_reason '
            'text, override_by text, override_until timestamp with time zone, own_verdict text, system_message text, '
            'system_hint text, site_limits jsonb'),
        ('v_ingestion_health',
            'site_id bigint, site_name text, data_source text, last_attempt_at timestamp with time zone, '
            'last_success_at timestamp with time zone, newest_reading_end timestamp with time zone, channels_listed '
            'bigint, channels_silent bigint, attempts_failed bigint, latest_error text, readings_filled '
            'bigint, channels_reduced bigint, reduced_since timestamp with time zone, license_ends_at timestamp with '
            'time zone'),
        ('v_reading_gaps',
            'meter_id bigint, meter_name text, site_id bigint, gap_start timestamp with time zone, gap_end timestamp '
            'with time zone, local_start timestamp without time zone, interval_s integer, missing_count integer, kind '
            'text, state text, reason text, asked_count integer, first_asked_at timestamp with time zone, '
            'last_asked_at timestamp with time zone, found_at timestamp with time zone, closed_at timestamp with time '
            'zone, accepted_by text, accepted_at timestamp with time zone'),
        ('v_rejected_readings',
            'meter_id bigint, meter_name text, site_id bigint, reject_id bigint, timestamp timestamp with time zone, '
            'interval_s integer, reason text, energy_kwh double precision, power_kw double precision, raw jsonb, '
            'first_seen_at timestamp with time zone, last_seen_at timestamp with time zone, seen_count integer, '
            'has_reading boolean'),
        ('v_reading_revisions',
            'meter_id bigint, meter_name text, site_id bigint, timestamp timestamp with time zone, column_name text, '
            'old_value double precision, new_value double precision, seen_at timestamp with time zone, ingest_run_id '
            'bigint'),
        ('v_quarantined_channels',
            'meter_id bigint, meter_name text, site_id bigint, checks text[], reason text, hint text, '
            'energy_share_pct double precision, since timestamp with time zone, validation_run_id bigint'),
        ('v_open_questions',
            'site_id bigint, meter_id bigint, meter_name text, check_name text, message text, lines text[], '
            'validation_run_id bigint'),
        ('v_reports',
            'site_id bigint, report_run_id bigint, kind text, version integer, period_start timestamp with time zone, '
            'period_end timestamp with time zone, generated_at timestamp with time zone, is_forced boolean, file_name '
            'text, file_sha256 text'),
        ('v_report_weeks',
            'site_id bigint, week date, report_run_id bigint, first_day date, period_start timestamp with time '
            'zone, period_end timestamp with time zone, generated_at timestamp with time zone'),
        ('v_report_findings',
            'site_id bigint, report_run_id bigint, finding_id text, kind text, cause text, meter_id bigint, '
            'meter_name text, title text, energy_kwh double precision, cost double precision, currency text, '
            'confidence text, pattern text, level_kw double precision, rest_kw double precision, facts jsonb'),
        ('v_report_meters',
            'site_id bigint, report_run_id bigint, meter_id bigint, mean_kw double precision, closed_kw double '
            'precision, completeness_pct double precision, is_doubtful boolean'),
        ('v_finding_weeks',
            'site_id bigint, finding_id text, kind text, cause text, meter_id bigint, meter_name text, title '
            'text, confidence text, pattern text, currency text, week date, report_run_id bigint, period_start '
            'timestamp with time zone, period_end timestamp with time zone, status text, state text, '
            'is_solved_now boolean, episode integer, since_week date, week_number integer, weeks_there integer,'
            ' last_there_week date, clear_weeks integer, back_after_weeks integer, energy_kwh double precision,'
            ' cost double precision, energy_so_far_kwh double precision, cost_so_far double precision, '
            'last_energy_kwh double precision, last_cost double precision, is_grown boolean, said text, said_by'
            ' text, said_at timestamp with time zone, owner text, due date, done_on date, note text, basis_kwh '
            'double precision, is_silent boolean'),
        ('v_findings',
            'site_id bigint, finding_id text, kind text, cause text, meter_id bigint, meter_name text, title '
            'text, confidence text, pattern text, currency text, week date, report_run_id bigint, period_start '
            'timestamp with time zone, period_end timestamp with time zone, status text, state text, '
            'is_solved_now boolean, episode integer, since_week date, week_number integer, weeks_there integer,'
            ' last_there_week date, clear_weeks integer, back_after_weeks integer, energy_kwh double precision,'
            ' cost double precision, energy_so_far_kwh double precision, cost_so_far double precision, '
            'last_energy_kwh double precision, last_cost double precision, is_grown boolean, said text, said_by'
            ' text, said_at timestamp with time zone, owner text, due date, done_on date, note text, basis_kwh '
            'double precision, is_silent boolean'),
        ('v_savings_ledger',
            'site_id bigint, finding_id text, meter_id bigint, meter_name text, kind text, title text, state '
            'text, done_on date, said_by text, owner text, weeks integer, status text, claimed_kwh double '
            'precision, claimed_cost double precision, saved_kwh double precision, low_kwh double precision, '
            'high_kwh double precision, saved_cost double precision, low_cost double precision, high_cost '
            'double precision, currency text, is_proved boolean, is_still_there boolean, missing jsonb, week '
            'date'),
        ('v_judged_findings',
            'site_id bigint, kind text, judged bigint, acted_on bigint, not_needed bigint, wrong bigint'),
        ('v_weather_hourly',
            'site_id bigint, site_name text, hour timestamp with time zone, local_hour timestamp without time zone, '
            'temp_c real, relative_humidity_pct real, irradiance_w_m2 real, source text, is_provisional boolean')
),
promised AS (
    SELECT view, column_and_type FROM promises, unnest(string_to_array(columns, ', ')) AS column_and_type
),
broken AS (
    SELECT p.view, p.column_and_type
    FROM promised AS p
    LEFT JOIN pg_attribute AS a
        ON a.attrelid = to_regclass(p.view)
        AND a.attnum > 0
        AND NOT a.attisdropped
        AND format('%%s %%s', a.attname, format_type(a.atttypid, a.atttypmod)) = p.column_and_type
    WHERE a.attname IS NULL
),
ranked AS (
    SELECT *, row_number() OVER (ORDER BY view, column_and_type) AS rank FROM broken
)
SELECT
    NULL::bigint AS channel_id,
    count(*) AS found,
    format('%%s columns are missing or of another type: %%s', count(*),
        string_agg(view || '.' || column_and_type, ', ' ORDER BY rank) FILTER (WHERE rank <= 3)) AS finding,
    jsonb_agg(jsonb_build_object('view', view, 'column', column_and_type) ORDER BY rank) FILTER (WHERE rank <= 3)
        AS examples
FROM ranked
HAVING count(*) > 0
