-- Layer 2 holds everything that loads brought: no change of the site's readings waits for a refresh.
-- Scope: site
-- Hint: run: python govern/refresh_views.py
WITH waiting AS (
    SELECT q.channel_id, count(*) AS change_count, min(q.queued_at) AS queued_at, min(q.first_at) AS first_at,
        max(q.last_at) AS last_at, row_number() OVER (ORDER BY min(q.queued_at), q.channel_id) AS rank
    FROM usage_queue AS q
    JOIN channel_sites AS m USING (channel_id)
    WHERE m.organization_id = %(site_id)s
    GROUP BY q.channel_id
)
SELECT
    NULL::bigint AS channel_id,
    sum(change_count)::bigint AS found,
    format('%%s channels have readings that wait for a refresh, since %%s', count(*), utc_text(min(queued_at))) AS finding,
    jsonb_agg(jsonb_build_object('channel_id', channel_id, 'first', utc_text(first_at), 'last', utc_text(last_at))
        ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM waiting
HAVING count(*) > 0
