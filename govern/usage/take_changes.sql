-- Takes the queued changes of some channels, and says which stretches of whole UTC hours and of whole local days they
-- touch at each site that a channel belonged to: none twice, the days as the instants at which they begin and end.
WITH taken AS (
    DELETE FROM usage_queue
    WHERE channel_id = ANY (%(channel_ids)s)
    RETURNING channel_id, first_at, last_at
),
kept AS (
    SELECT coalesce(max(raw_kept_from), '-infinity') AS kept_from FROM raw_retention
),
located AS (
    SELECT
        t.channel_id,
        m.organization_id AS site_id,
        o.timezone,
        -- Of months whose readings were dropped nothing is computed again, nor of the day that one of them began.
        greatest(t.first_at, k.kept_from) AS first_at,
        t.last_at,
        greatest(
            (t.first_at AT TIME ZONE o.timezone)::date,
            ((k.kept_from AT TIME ZONE o.timezone) - interval '1 microsecond')::date + 1
        ) AS first_date,
        (t.last_at AT TIME ZONE o.timezone)::date AS last_date
    FROM taken AS t
    JOIN channel_sites AS m USING (channel_id)
    JOIN organizations AS o USING (organization_id)
    CROSS JOIN kept AS k
    WHERE t.last_at >= k.kept_from
),
touched AS (
    SELECT
        channel_id,
        site_id,
        timezone,
        range_agg(tstzrange(
            date_trunc('hour', first_at, 'UTC'), date_trunc('hour', last_at, 'UTC') + interval '1 hour'
        )) AS hours,
        range_agg(daterange(first_date, last_date, '[]')) FILTER (WHERE first_date <= last_date) AS days
    FROM located
    GROUP BY channel_id, site_id, timezone
)
SELECT 'hour' AS grain, channel_id, site_id, timezone, lower(span) AS since, upper(span) AS until
FROM touched, unnest(hours) AS span
UNION ALL
SELECT 'day', channel_id, site_id, timezone, lower(span)::timestamp AT TIME ZONE timezone,
    upper(span)::timestamp AT TIME ZONE timezone
FROM touched, unnest(days) AS span
