-- Takes the queued changes of some channels, and says which stretches of whole UTC hours and of whole local days they
-- touch: none twice, the days as the instants at which they begin and end.
WITH taken AS (
    DELETE FROM usage_queue
    WHERE channel_id = ANY (%(channel_ids)s)
    RETURNING channel_id, first_at, last_at
),
touched AS (
    SELECT
        t.channel_id,
        o.timezone,
        range_agg(tstzrange(
            date_trunc('hour', t.first_at, 'UTC'), date_trunc('hour', t.last_at, 'UTC') + interval '1 hour'
        )) AS hours,
        range_agg(daterange(
            (t.first_at AT TIME ZONE o.timezone)::date, (t.last_at AT TIME ZONE o.timezone)::date, '[]'
        )) AS days
    FROM taken AS t
    JOIN channels AS c USING (channel_id)
    JOIN organizations AS o USING (organization_id)
    GROUP BY t.channel_id, o.timezone
)
SELECT 'hour' AS grain, channel_id, timezone, lower(span) AS since, upper(span) AS until
FROM touched, unnest(hours) AS span
UNION ALL
SELECT 'day', channel_id, timezone, lower(span)::timestamp AT TIME ZONE timezone,
    upper(span)::timestamp AT TIME ZONE timezone
FROM touched, unnest(days) AS span
