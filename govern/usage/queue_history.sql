-- Queues all that some channels have, in the raw rows or in Layer 2, to be computed again.
INSERT INTO usage_queue (channel_id, first_at, last_at)
SELECT channel_id, min(first_at), max(last_at)
FROM (
    SELECT channel_id, min(timestamp) AS first_at, max(timestamp) AS last_at
    FROM readings
    WHERE channel_id = ANY (%(channel_ids)s)
    GROUP BY channel_id
    UNION ALL
    SELECT meter_id, min(hour), max(hour)
    FROM mv_hourly_usage
    WHERE meter_id = ANY (%(channel_ids)s)
    GROUP BY meter_id
    UNION ALL
    -- Days that were cut by another time zone can reach beyond the hours, by a day at most.
    SELECT meter_id, (min(local_date) - 1)::timestamp AT TIME ZONE 'UTC', (max(local_date) + 1)::timestamp AT TIME ZONE 'UTC'
    FROM mv_daily_usage
    WHERE meter_id = ANY (%(channel_ids)s)
    GROUP BY meter_id
) AS held
GROUP BY channel_id
