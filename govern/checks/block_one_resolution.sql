-- A channel has one interval length in the look-back: two would overlap and count energy twice.
-- Hint: ingest with one --resolution only, and have the other rows removed.
SELECT format('channel %%s: intervals of %%s s', r.channel_id,
    string_agg(DISTINCT r.interval_s::text, ' and ')) AS finding
FROM channels AS c
JOIN readings AS r USING (channel_id)
WHERE c.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s
GROUP BY r.channel_id
HAVING count(DISTINCT r.interval_s) > 1
ORDER BY r.channel_id
