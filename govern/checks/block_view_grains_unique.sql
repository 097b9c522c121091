-- Every view has one row for each of what it says is its grain: a second one would be added up twice.
-- Scope: site
-- Hint: a join in the view multiplies rows; run: python govern/setup_database.py, then report this defect.
WITH repeated AS (
    SELECT 'v_sites' AS view, count(*) AS row_count FROM v_sites WHERE site_id = %(site_id)s
    GROUP BY site_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_memberships', count(*) FROM v_memberships WHERE site_id = %(site_id)s GROUP BY meter_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_meters', count(*) FROM v_meters WHERE site_id = %(site_id)s GROUP BY meter_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_latest_readings', count(*) FROM v_latest_readings WHERE site_id = %(site_id)s
    GROUP BY meter_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_readings_enriched', count(*) FROM v_readings_enriched
    WHERE site_id = %(site_id)s AND timestamp >= %(lookback_start)s
    GROUP BY meter_id, timestamp HAVING count(*) > 1
    UNION ALL
    SELECT 'v_readings_hourly', count(*) FROM v_readings_hourly
    WHERE site_id = %(site_id)s AND hour >= %(lookback_start)s
    GROUP BY meter_id, hour HAVING count(*) > 1
    UNION ALL
    SELECT 'v_readings_daily', count(*) FROM v_readings_daily
    WHERE site_id = %(site_id)s AND local_date >= %(lookback_start)s::timestamptz::date
    GROUP BY meter_id, local_date HAVING count(*) > 1
    UNION ALL
    SELECT 'v_readings_monthly', count(*) FROM v_readings_monthly WHERE site_id = %(site_id)s
    GROUP BY meter_id, local_month HAVING count(*) > 1
    UNION ALL
    SELECT 'v_validation_status', count(*) FROM v_validation_status WHERE site_id = %(site_id)s
    GROUP BY site_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_quarantined_channels', count(*) FROM v_quarantined_channels WHERE site_id = %(site_id)s
    GROUP BY meter_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_ingestion_health', count(*) FROM v_ingestion_health WHERE site_id = %(site_id)s
    GROUP BY site_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_reading_gaps', count(*) FROM v_reading_gaps WHERE site_id = %(site_id)s
    GROUP BY meter_id, gap_start HAVING count(*) > 1
    UNION ALL
    SELECT 'v_rejected_readings', count(*) FROM v_rejected_readings WHERE site_id = %(site_id)s
    GROUP BY meter_id, reject_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_reading_revisions', count(*) FROM v_reading_revisions
    WHERE site_id = %(site_id)s AND timestamp >= %(lookback_start)s
    GROUP BY meter_id, timestamp, column_name, new_value HAVING count(*) > 1
    UNION ALL
    SELECT 'v_open_questions', count(*) FROM v_open_questions WHERE site_id = %(site_id)s
    GROUP BY meter_id, check_name HAVING count(*) > 1
    UNION ALL
    SELECT 'v_reports', count(*) FROM v_reports WHERE site_id = %(site_id)s
    GROUP BY report_run_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_report_weeks', count(*) FROM v_report_weeks WHERE site_id = %(site_id)s
    GROUP BY week HAVING count(*) > 1
    UNION ALL
    SELECT 'v_report_findings', count(*) FROM v_report_findings WHERE site_id = %(site_id)s
    GROUP BY report_run_id, finding_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_report_meters', count(*) FROM v_report_meters WHERE site_id = %(site_id)s
    GROUP BY report_run_id, meter_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_finding_weeks', count(*) FROM v_finding_weeks WHERE site_id = %(site_id)s
    GROUP BY finding_id, week HAVING count(*) > 1
    UNION ALL
    SELECT 'v_findings', count(*) FROM v_findings WHERE site_id = %(site_id)s
    GROUP BY finding_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_savings_ledger', count(*) FROM v_savings_ledger WHERE site_id = %(site_id)s
    GROUP BY finding_id HAVING count(*) > 1
    UNION ALL
    SELECT 'v_judged_findings', count(*) FROM v_judged_findings WHERE site_id = %(site_id)s
    GROUP BY kind HAVING count(*) > 1
    UNION ALL
    SELECT 'v_weather_hourly', count(*) FROM v_weather_hourly
    WHERE site_id = %(site_id)s AND hour >= %(lookback_start)s
    GROUP BY hour HAVING count(*) > 1
),
by_view AS (
    SELECT view, sum(row_count - 1) AS extra_count FROM repeated GROUP BY view
)
SELECT
    NULL::bigint AS channel_id,
    sum(extra_count)::bigint AS found,
    string_agg(format('%%s has %%s rows twice', view, extra_count), ', ' ORDER BY view) AS finding,
    jsonb_agg(to_jsonb(by_view) ORDER BY view) AS examples
FROM by_view
HAVING count(*) > 0
