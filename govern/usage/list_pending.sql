-- The channels that have queued changes, by the site that they belong to now: how many days each spans, from when to when.
SELECT
    q.channel_id,
    c.organization_id AS site_id,
    sum(extract(epoch FROM q.last_at - q.first_at) / 86400 + 1)::double precision AS span_days,
    min(q.first_at) AS first_at,
    max(q.last_at) AS last_at
FROM usage_queue AS q
JOIN channels AS c USING (channel_id)
WHERE %(site_id)s::bigint IS NULL OR EXISTS (
    SELECT FROM channel_sites AS m WHERE m.channel_id = q.channel_id AND m.organization_id = %(site_id)s
)
GROUP BY q.channel_id, c.organization_id
ORDER BY c.organization_id, q.channel_id
