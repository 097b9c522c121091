-- Per channel in scope: the stretches without readings, by gaps and islands. Each reading says itself how long it is.
-- %(first)s and %(last)s are the outermost look of all channels, as constants: they keep other months' partitions out.
CREATE TEMP TABLE gap_missing ON COMMIT DROP AS
WITH looked AS (
    SELECT
        channel_id, interval_s, until, is_over,
        greatest(look_from, since) AS look_from,
        least(look_until, until) AS look_until
    FROM gap_scope
),
present AS (
    SELECT r.channel_id, r.timestamp AS starts, r.timestamp + r.interval_s * interval '1 second' AS ends, r.interval_s
    FROM looked AS s
    JOIN readings AS r USING (channel_id)
    WHERE r.organization_id = %(site_id)s
        AND r.timestamp >= %(first)s AND r.timestamp < %(last)s
        AND r.timestamp >= s.look_from AND r.timestamp < s.look_until
    -- Of a channel that came back: what it measured elsewhere is not missing here.
    UNION ALL
    SELECT s.channel_id, lower(stay), upper(stay), NULL
    FROM looked AS s
    JOIN channel_sites AS m ON m.channel_id = s.channel_id AND m.organization_id = %(site_id)s
    CROSS JOIN LATERAL unnest(
        m.away * tstzmultirange(tstzrange(s.look_from, greatest(s.look_from, s.look_until)))
    ) AS stay
    -- The edges of the look, as islands without extent.
    UNION ALL SELECT channel_id, look_from, look_from, NULL FROM looked WHERE look_from < look_until
    UNION ALL SELECT channel_id, look_until, look_until, NULL FROM looked WHERE look_from < look_until
),
islands AS (
    SELECT
        channel_id,
        ends AS gap_start,
        lead(starts) OVER following AS gap_end,
        coalesce(interval_s, lead(interval_s) OVER following) AS interval_s
    FROM present
    WINDOW following AS (PARTITION BY channel_id ORDER BY starts, ends)
)
SELECT
    i.channel_id,
    i.gap_start,
    -- Whole intervals only, should the length have changed in between.
    i.gap_start + floor(extract(epoch FROM i.gap_end - i.gap_start) / coalesce(i.interval_s, s.interval_s))
        * coalesce(i.interval_s, s.interval_s) * interval '1 second' AS gap_end,
    coalesce(i.interval_s, s.interval_s) AS interval_s,
    CASE WHEN i.gap_end = s.until AND NOT s.is_over THEN 'trailing' ELSE 'interior' END AS kind
FROM islands AS i
JOIN looked AS s USING (channel_id)
WHERE i.gap_end - i.gap_start >= coalesce(i.interval_s, s.interval_s) * interval '1 second';

ANALYZE gap_missing;
