-- How often the service was asked for what is still missing, and answered: by the log of attempts, so that every ingest
-- counts. A run counts once, when its windows together cover the gap; of an open-ended one its first interval.
UPDATE reading_gaps AS g
SET asked_count = greatest(g.asked_count, counted.run_count),
    first_asked_at = least(g.first_asked_at, counted.first_at),
    last_asked_at = greatest(g.last_asked_at, counted.last_at)
FROM (
    SELECT channel_id, gap_start, count(*) AS run_count, min(asked_at) AS first_at, max(asked_at) AS last_at
    FROM (
        SELECT gap.channel_id, gap.gap_start, l.run_id, min(l.started_at) AS asked_at
        FROM channel_sites AS m
        JOIN organizations AS o USING (organization_id)
        JOIN reading_gaps AS gap USING (channel_id, organization_id)
        JOIN ingestion_logs AS l ON l.channel_id = gap.channel_id AND l.organization_id = gap.organization_id
            AND l.window_start < gap.gap_end AND l.window_end > gap.gap_start
        WHERE m.organization_id = %(site_id)s
            AND gap.state = 'pending'
            AND l.status = 'done'
            AND l.interval_s = gap.interval_s
            -- An import from a file did not ask the service.
            AND l.data_source = o.data_source
            AND l.started_at >= gap.asks_count_from
        GROUP BY gap.channel_id, gap.gap_start, gap.gap_end, gap.interval_s, gap.kind, l.run_id
        HAVING range_agg(tstzrange(l.window_start, l.window_end)) @> tstzrange(
            gap.gap_start,
            CASE gap.kind
                WHEN 'trailing' THEN gap.gap_start + gap.interval_s * interval '1 second'
                ELSE gap.gap_end
            END
        )
    ) AS runs
    GROUP BY channel_id, gap_start
) AS counted
WHERE g.channel_id = counted.channel_id AND g.gap_start = counted.gap_start
    AND (g.asked_count, g.last_asked_at) IS DISTINCT FROM (
        greatest(g.asked_count, counted.run_count), greatest(g.last_asked_at, counted.last_at)
    );

UPDATE reading_gaps AS g
SET state = 'vendor_empty',
    changed_at = %(now)s,
    -- No format(): it counts as depending on the session, which Citus allows in no UPDATE.
    reason = 'asked ' || g.asked_count::text || ' times in '
        || floor(extract(epoch FROM g.last_asked_at - g.first_asked_at) / 86400)::text || ' days; '
        || (
            SELECT CASE count(*) WHEN 0 THEN 'nothing came' ELSE 'quarantine holds ' || count(*)::text || ' records' END
            FROM rejected_readings AS q
            WHERE q.channel_id = g.channel_id AND q.timestamp >= g.gap_start AND q.timestamp < g.gap_end
                AND q.readmitted_at IS NULL
        )
FROM channel_sites AS m
WHERE m.organization_id = %(site_id)s
    AND g.channel_id = m.channel_id AND g.organization_id = m.organization_id
    AND g.state = 'pending'
    AND g.asked_count >= %(vendor_empty_asks)s
    AND g.last_asked_at - g.first_asked_at >= %(vendor_empty_days)s * interval '1 day'
    AND (g.kind = 'interior' OR g.gap_start <= %(now)s - %(trailing_vendor_empty_days)s * interval '1 day');
