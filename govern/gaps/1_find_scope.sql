-- Per channel of a site: in which stretch readings are expected, and which part of it may have changed since the last
-- look (look_from, look_until). Channels of which nothing changed have no row.
-- A row is asked for beside one of a table that is spread as it is itself (asked, not channels): Citus can compute a LIMIT
-- or a sum row by row only where both rows are on one machine.
CREATE TEMP TABLE gap_scope ON COMMIT DROP AS
WITH asked AS (
    SELECT
        l.channel_id,
        m.member_from,
        m.member_until,
        min(l.window_start) AS since,
        max(l.window_end) AS until,
        (array_agg(l.interval_s ORDER BY l.log_id DESC))[1] AS interval_s,
        -- An hour of overlap: an attempt may be committed a little after the moment that it is dated.
        min(l.window_start) FILTER (WHERE l.finished_at > scan.scanned_at - interval '1 hour') AS changed_from,
        max(l.window_end) FILTER (WHERE l.finished_at > scan.scanned_at - interval '1 hour') AS changed_until
    FROM ingestion_logs AS l
    JOIN channel_sites AS m USING (channel_id, organization_id)
    LEFT JOIN reading_gap_scans AS scan USING (channel_id, organization_id)
    WHERE l.organization_id = %(site_id)s AND l.channel_id <> 0 AND l.status <> 'running'
    GROUP BY l.channel_id, m.member_from, m.member_until
),
channel AS (
    SELECT
        asked.channel_id,
        coalesce(newest.interval_s, asked.interval_s) AS interval_s,
        greatest(
            CASE
                WHEN installed.at IS NULL THEN coalesce(oldest.timestamp, asked.since)
                WHEN %(from_installation)s THEN installed.at
                ELSE greatest(installed.at, asked.since)
            END,
            nullif(asked.member_from, '-infinity'),
            -- What was dropped is not missing.
            (SELECT max(raw_kept_from) FROM raw_retention)
        ) AS since,
        -- Of a channel that is gone nothing is expected after its end; of one that the service does not list or serve
        -- any longer, nothing after its last reading.
        CASE
            -- Of what the site's file leaves out nothing is expected at all.
            WHEN facts.is_excluded THEN NULL
            WHEN asked.member_until < 'infinity' OR c.is_listed AND NOT c.is_unsupported
                THEN least(asked.until, ends.at)
            ELSE newest.timestamp + newest.interval_s * interval '1 second'
        END AS until,
        asked.member_until < 'infinity' OR NOT c.is_listed OR c.is_unsupported OR coalesce(facts.is_excluded, false)
            OR coalesce(ends.at <= asked.until, false) AS is_over,
        asked.changed_from,
        asked.changed_until
    FROM asked
    JOIN channels AS c ON c.channel_id = asked.channel_id
    JOIN channel_sites AS m ON m.channel_id = asked.channel_id AND m.organization_id = %(site_id)s
    JOIN organizations AS o ON o.organization_id = m.organization_id
    LEFT JOIN channel_facts AS facts
        ON facts.channel_id = m.channel_id AND facts.organization_id = m.organization_id
    CROSS JOIN LATERAL (
        -- Removed, moved to another site, or counted no longer by the site's file.
        SELECT least(
            CASE WHEN m.member_until < 'infinity' THEN m.uninstalled_at ELSE c.uninstalled_at END,
            nullif(m.member_until, 'infinity'),
            (facts.counts_until + 1)::timestamp AT TIME ZONE o.timezone
        ) AS at
    ) AS ends
    CROSS JOIN LATERAL (
        SELECT CASE WHEN m.member_until < 'infinity' THEN m.installed_at ELSE c.installed_at END AS at
    ) AS installed
    LEFT JOIN LATERAL (
        SELECT r.timestamp FROM readings AS r
        WHERE r.channel_id = asked.channel_id AND r.organization_id = %(site_id)s AND r.timestamp >= asked.member_from
        ORDER BY r.timestamp
        LIMIT 1
    ) AS oldest ON true
    LEFT JOIN LATERAL (
        SELECT r.timestamp, r.interval_s FROM readings AS r
        WHERE r.channel_id = asked.channel_id AND r.organization_id = %(site_id)s AND r.timestamp < asked.member_until
        ORDER BY r.timestamp DESC
        LIMIT 1
    ) AS newest ON true
),
aligned AS (
    SELECT
        channel_id, interval_s, is_over, changed_from, changed_until,
        to_timestamp(ceil(extract(epoch FROM since) / interval_s) * interval_s) AS since,
        to_timestamp(floor(extract(epoch FROM coalesce(until, since)) / interval_s) * interval_s) AS until
    FROM channel
),
changed AS (
    SELECT
        a.channel_id, a.interval_s, a.is_over, a.since, a.until,
        CASE WHEN scan.channel_id IS NULL OR %(is_full)s THEN least(a.since, scan.scanned_from) ELSE least(
            a.changed_from,
            CASE WHEN a.since <> scan.scanned_from THEN least(a.since, scan.scanned_from) END,
            CASE WHEN a.until <> scan.scanned_until THEN least(a.until, scan.scanned_until) END
        ) END AS look_from,
        CASE WHEN scan.channel_id IS NULL OR %(is_full)s THEN greatest(a.until, scan.scanned_until) ELSE greatest(
            a.changed_until,
            CASE WHEN a.since <> scan.scanned_from THEN greatest(a.since, scan.scanned_from) END,
            CASE WHEN a.until <> scan.scanned_until THEN greatest(a.until, scan.scanned_until) END
        ) END AS look_until
    FROM aligned AS a
    LEFT JOIN reading_gap_scans AS scan ON scan.channel_id = a.channel_id AND scan.organization_id = %(site_id)s
)
SELECT
    changed.channel_id, changed.interval_s, changed.is_over, changed.since, changed.until,
    -- A gap that the look touches is looked at whole.
    least(changed.look_from, open_gaps.gap_start) AS look_from,
    greatest(changed.look_until, open_gaps.gap_end) AS look_until
FROM changed
CROSS JOIN LATERAL (
    SELECT min(g.gap_start) AS gap_start, max(g.gap_end) AS gap_end
    FROM reading_gaps AS g
    WHERE g.channel_id = changed.channel_id AND g.organization_id = %(site_id)s AND g.state <> 'refetched'
        AND g.gap_end >= changed.look_from AND g.gap_start <= changed.look_until
) AS open_gaps
WHERE changed.look_from IS NOT NULL;

ANALYZE gap_scope;
