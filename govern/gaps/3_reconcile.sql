-- Bring the ledger to what is missing now. A gap that is as it was is not touched. Of the others, what arrived is kept
-- as refetched, what is still missing goes on with its history, and what is no longer expected leaves the ledger.
-- What the look touches of the ledger is fetched first, so that all the comparing is done in one place, as Citus needs it.
CREATE TEMP TABLE gap_known ON COMMIT DROP AS
SELECT g.*
FROM (SELECT channel_id, look_from, look_until FROM gap_scope) AS s
JOIN reading_gaps AS g USING (channel_id)
WHERE g.organization_id = %(site_id)s AND g.state <> 'refetched'
    AND g.gap_start < s.look_until AND g.gap_end > s.look_from;

CREATE TEMP TABLE gap_changes ON COMMIT DROP AS
SELECT k.*
FROM gap_known AS k
WHERE NOT EXISTS (
    SELECT FROM gap_missing AS m
    WHERE (m.channel_id, m.gap_start, m.gap_end, m.interval_s, m.kind)
        = (k.channel_id, k.gap_start, k.gap_end, k.interval_s, k.kind)
);

CREATE TEMP TABLE gap_pieces ON COMMIT DROP AS
SELECT
    m.channel_id, m.gap_start, m.gap_end, m.interval_s, m.kind,
    coalesce(old.state, 'pending') AS state,
    old.reason,
    coalesce(old.asked_count, 0) AS asked_count,
    old.first_asked_at,
    old.last_asked_at,
    old.last_failed_at,
    -- A gap that was open-ended until now is asked for afresh: who is back online may bring what was kept meanwhile.
    coalesce(
        old.asks_count_from,
        CASE
            WHEN m.kind = 'trailing' THEN m.gap_start
            WHEN EXISTS (
                SELECT FROM gap_changes AS c
                WHERE c.channel_id = m.channel_id AND c.kind = 'trailing'
                    AND c.gap_start < m.gap_end AND c.gap_end > m.gap_start
            ) THEN %(now)s
            ELSE m.gap_end
        END
    ) AS asks_count_from,
    coalesce(old.found_at, %(now)s) AS found_at,
    NULL::timestamptz AS closed_at,
    old.accepted_by,
    old.accepted_at
FROM gap_missing AS m
LEFT JOIN LATERAL (
    SELECT c.*
    FROM gap_changes AS c
    WHERE c.channel_id = m.channel_id AND c.gap_start < m.gap_end AND c.gap_end > m.gap_start
        AND (
            -- A part of it, unless it was open-ended and is no longer; or the same one, grown while nothing came.
            (c.gap_start <= m.gap_start AND c.gap_end >= m.gap_end AND (c.kind = m.kind OR c.state = 'accepted'))
            OR (c.gap_start = m.gap_start AND c.kind = 'trailing' AND (m.kind = 'trailing' OR c.state = 'accepted'))
        )
    ORDER BY c.gap_start
    LIMIT 1
) AS old ON true
WHERE NOT EXISTS (
    SELECT FROM gap_known AS k
    WHERE (k.channel_id, k.gap_start, k.gap_end, k.interval_s, k.kind)
        = (m.channel_id, m.gap_start, m.gap_end, m.interval_s, m.kind)
)
UNION ALL
SELECT
    c.channel_id, lower(piece), upper(piece), c.interval_s, c.kind, 'refetched', 'it arrived', c.asked_count,
    c.first_asked_at, c.last_asked_at, c.last_failed_at, c.asks_count_from, c.found_at, %(now)s, NULL, NULL
FROM gap_changes AS c
JOIN gap_scope AS s USING (channel_id)
CROSS JOIN LATERAL unnest(
    tstzmultirange(tstzrange(c.gap_start, c.gap_end) * tstzrange(s.since, greatest(s.since, s.until)))
    - coalesce((
        SELECT range_agg(tstzrange(m.gap_start, m.gap_end)) FROM gap_missing AS m WHERE m.channel_id = c.channel_id
    ), '{}')
) AS piece
WHERE upper(piece) - lower(piece) >= c.interval_s * interval '1 second';

DELETE FROM reading_gaps WHERE (channel_id, gap_start) IN (SELECT channel_id, gap_start FROM gap_changes);

INSERT INTO reading_gaps (
    channel_id, organization_id, gap_start, gap_end, interval_s, kind, state, reason, asked_count, first_asked_at,
    last_asked_at, last_failed_at, asks_count_from, found_at, closed_at, accepted_by, accepted_at, changed_at
)
SELECT
    channel_id, %(site_id)s, gap_start, gap_end, interval_s, kind, state, reason, asked_count, first_asked_at,
    last_asked_at, last_failed_at, asks_count_from, found_at, closed_at, accepted_by, accepted_at, %(now)s
FROM gap_pieces
-- Its start may be that of a gap that was closed before.
ON CONFLICT (channel_id, gap_start) DO UPDATE SET
    organization_id = excluded.organization_id, gap_end = excluded.gap_end, interval_s = excluded.interval_s,
    kind = excluded.kind, state = excluded.state,
    reason = excluded.reason, asked_count = excluded.asked_count, first_asked_at = excluded.first_asked_at,
    last_asked_at = excluded.last_asked_at, last_failed_at = excluded.last_failed_at, asks_count_from = excluded.asks_count_from,
    found_at = excluded.found_at, closed_at = excluded.closed_at, accepted_by = excluded.accepted_by,
    accepted_at = excluded.accepted_at, changed_at = excluded.changed_at;

-- Attempts are dated by the database: a machine whose clock is fast must not date a look after those that follow it.
INSERT INTO reading_gap_scans (channel_id, organization_id, scanned_from, scanned_until, scanned_at)
SELECT channel_id, %(site_id)s, since, until, least(%(now)s, clock_timestamp()) FROM gap_scope
ON CONFLICT (channel_id, organization_id) DO UPDATE SET
    scanned_from = excluded.scanned_from, scanned_until = excluded.scanned_until, scanned_at = excluded.scanned_at;
