-- Of the last seven days, as far as they were asked for, most intervals of the energy channels arrived, with
-- energy or power: reports take the energy from the power where it is missing.
-- Scope: site
-- Limit: min_site_completeness_pct = 50 (a week in which less than half arrived describes the network, not the building)
-- Hint: run the ingest for these days again; if they stay empty, ask the vendor whether the devices were online.
-- Hint for files: import the files of the days that are missing, and look into FILE.rejects.csv.
WITH asked AS (
    SELECT min(window_start) AS since
    FROM ingestion_logs
    WHERE organization_id = %(site_id)s AND channel_id <> 0 AND status <> 'running'
),
expected AS (
    SELECT
        m.meter_id,
        greatest(%(asked_until)s::timestamptz - interval '7 days', asked.since, m.installed_at, %(lookback_start)s) AS since,
        least(%(asked_until)s::timestamptz, m.uninstalled_at) AS until,
        m.interval_s
    FROM v_meters AS m
    CROSS JOIN asked
    -- A channel that never reported has no interval of its own to count by; analyze names it.
    WHERE m.site_id = %(site_id)s AND m.is_energy_meter AND m.interval_s IS NOT NULL AND m.is_listed
        AND m.is_counted
),
counted AS (
    SELECT
        (SELECT sum(greatest(extract(epoch FROM until - since) / interval_s, 0)) FROM expected) AS expected_count,
        (
            SELECT count(*)
            FROM expected AS e
            JOIN readings AS r ON r.channel_id = e.meter_id AND r.timestamp >= e.since AND r.timestamp < e.until
            WHERE r.organization_id = %(site_id)s
                AND r.timestamp >= %(asked_until)s::timestamptz - interval '7 days'
                AND (r.energy_kwh IS NOT NULL OR r.power_kw IS NOT NULL)
        ) AS present_count
)
SELECT
    NULL::bigint AS channel_id,
    round(expected_count - present_count)::bigint AS found,
    format('%%s of %%s expected intervals (%%s %%%%)', present_count, round(expected_count),
        round(100 * present_count / expected_count)) AS finding,
    NULL::jsonb AS examples
FROM counted
WHERE expected_count > 0 AND 100 * present_count < %(min_site_completeness_pct)s * expected_count
