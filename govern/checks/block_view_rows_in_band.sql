-- Every view has as many rows as the tables below it call for: none is lost or made in a join.
-- Scope: site
-- Hint: run: python govern/refresh_views.py; if it stays, a join in the view drops or multiplies rows: report this defect.
WITH raw AS (
    SELECT
        (SELECT count(*) FROM channel_sites WHERE organization_id = %(site_id)s AND member_until > member_from)
            AS channel_count,
        count(*) AS reading_count,
        count(DISTINCT r.channel_id) AS reporting_count,
        coalesce(min(r.interval_s), 3600) AS interval_s
    FROM channel_sites AS m
    JOIN organizations AS o USING (organization_id)
    LEFT JOIN channel_facts AS facts USING (channel_id, organization_id)
    JOIN readings AS r ON r.channel_id = m.channel_id AND r.organization_id = m.organization_id
        -- What lies after the day until which a meter counts is in no view.
        AND (facts.counts_until IS NULL OR r.timestamp < (facts.counts_until + 1)::timestamp AT TIME ZONE o.timezone)
    WHERE m.organization_id = %(site_id)s AND r.timestamp >= date_trunc('hour', %(lookback_start)s::timestamptz, 'UTC')
),
counted AS (
    SELECT 'v_sites' AS view, (SELECT count(*) FROM v_sites WHERE site_id = %(site_id)s) AS row_count,
        1::numeric AS least, 1::numeric AS most
    UNION ALL
    SELECT 'v_memberships', (SELECT count(*) FROM v_memberships WHERE site_id = %(site_id)s), members, members
    FROM (SELECT count(*) AS members FROM channel_sites WHERE organization_id = %(site_id)s) AS stays
    UNION ALL
    SELECT 'v_meters', (SELECT count(*) FROM v_meters WHERE site_id = %(site_id)s), channel_count, channel_count FROM raw
    UNION ALL
    SELECT 'v_latest_readings', (SELECT count(*) FROM v_latest_readings WHERE site_id = %(site_id)s), reporting_count,
        channel_count
    FROM raw
    UNION ALL
    SELECT 'v_readings_enriched', (
            SELECT count(*) FROM v_readings_enriched
            WHERE site_id = %(site_id)s AND timestamp >= date_trunc('hour', %(lookback_start)s::timestamptz, 'UTC')),
        reading_count, reading_count
    FROM raw
    UNION ALL
    -- No hour holds more intervals than fit, nor a day more than 25 hours of them.
    SELECT 'v_readings_hourly', (
            SELECT count(*) FROM v_readings_hourly
            WHERE site_id = %(site_id)s AND hour >= date_trunc('hour', %(lookback_start)s::timestamptz, 'UTC')),
        floor(reading_count / greatest(3600.0 / interval_s, 1)), reading_count
    FROM raw
    UNION ALL
    SELECT 'v_readings_daily', (
            SELECT count(*) FROM v_readings_daily
            WHERE site_id = %(site_id)s AND local_date >= %(lookback_start)s::timestamptz::date),
        floor(reading_count / (25 * 3600.0 / interval_s)), reading_count + channel_count
    FROM raw
    UNION ALL
    SELECT 'v_readings_monthly', (SELECT count(*) FROM v_readings_monthly WHERE site_id = %(site_id)s), reporting_count,
        greatest(reporting_count, (SELECT count(*) FROM v_readings_daily WHERE site_id = %(site_id)s))
    FROM raw
    UNION ALL
    SELECT 'v_validation_status', (SELECT count(*) FROM v_validation_status WHERE site_id = %(site_id)s), 1, 1
    UNION ALL
    SELECT 'v_quarantined_channels', (SELECT count(*) FROM v_quarantined_channels WHERE site_id = %(site_id)s), 0,
        channel_count
    FROM raw
    UNION ALL
    SELECT 'v_ingestion_health', (SELECT count(*) FROM v_ingestion_health WHERE site_id = %(site_id)s), 1, 1
    UNION ALL
    SELECT 'v_reading_gaps', (SELECT count(*) FROM v_reading_gaps WHERE site_id = %(site_id)s), count(*), count(*)
    FROM channel_sites JOIN reading_gaps USING (channel_id, organization_id)
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_rejected_readings', (SELECT count(*) FROM v_rejected_readings WHERE site_id = %(site_id)s), count(*),
        count(*)
    FROM channel_sites JOIN rejected_readings USING (channel_id, organization_id)
    WHERE organization_id = %(site_id)s AND readmitted_at IS NULL
    UNION ALL
    SELECT 'v_reading_revisions', (SELECT count(*) FROM v_reading_revisions WHERE site_id = %(site_id)s), count(*),
        count(*)
    FROM channel_sites JOIN reading_revisions USING (channel_id, organization_id)
    WHERE organization_id = %(site_id)s AND old_value IS NOT NULL
    UNION ALL
    SELECT 'v_open_questions', (SELECT count(*) FROM v_open_questions WHERE site_id = %(site_id)s), 0, count(*)
    FROM validation_findings JOIN channel_sites USING (channel_id)
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_report_weeks', (SELECT count(*) FROM v_report_weeks WHERE site_id = %(site_id)s), count(DISTINCT week),
        count(DISTINCT week)
    FROM report_weeks
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_report_findings', (SELECT count(*) FROM v_report_findings WHERE site_id = %(site_id)s), count(*), count(*)
    FROM report_findings
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_report_meters', (SELECT count(*) FROM v_report_meters WHERE site_id = %(site_id)s), count(*), count(*)
    FROM report_meters
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_finding_weeks', (SELECT count(*) FROM v_finding_weeks WHERE site_id = %(site_id)s), 0,
        count(DISTINCT finding_id) * (SELECT count(DISTINCT week) FROM report_weeks WHERE organization_id = %(site_id)s)
    FROM report_findings
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_findings', (SELECT count(*) FROM v_findings WHERE site_id = %(site_id)s), 0, count(DISTINCT finding_id)
    FROM report_findings
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_savings_ledger', (SELECT count(*) FROM v_savings_ledger WHERE site_id = %(site_id)s), 0, count(DISTINCT finding_id)
    FROM report_savings
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_judged_findings', (SELECT count(*) FROM v_judged_findings WHERE site_id = %(site_id)s), 0, count(DISTINCT finding_id)
    FROM finding_marks
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_reports', (SELECT count(*) FROM v_reports WHERE site_id = %(site_id)s), count(*), count(*)
    FROM report_runs
    WHERE organization_id = %(site_id)s
    UNION ALL
    SELECT 'v_weather_hourly', (SELECT count(*) FROM v_weather_hourly WHERE site_id = %(site_id)s), count(*), count(*)
    FROM weather_hourly
    WHERE organization_id = %(site_id)s
),
beyond AS (
    SELECT * FROM counted WHERE row_count NOT BETWEEN least AND most
)
SELECT
    NULL::bigint AS channel_id,
    count(*) AS found,
    string_agg(format('%%s has %%s rows, expected are %%s to %%s', view, row_count, least, most), ', ' ORDER BY view)
        AS finding,
    jsonb_agg(to_jsonb(beyond) ORDER BY view) AS examples
FROM beyond
HAVING count(*) > 0
