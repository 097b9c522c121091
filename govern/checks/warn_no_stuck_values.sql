-- No channel repeats one power above zero for hours, as a frozen register does.
-- Scope: channel
-- Limit: min_stuck_hours = 6 (the report's sensor health begins there too)
-- Limit: min_stuck_power_kw = 0.01 (10 W: what an idle current transformer may show)
-- Hint: reports leave stuck intervals out of findings, unless the channel has always been so coarse; restart the meter.
WITH steps AS (
    SELECT
        r.channel_id, r.timestamp, r.interval_s, r.power_kw,
        r.power_kw IS DISTINCT FROM lag(r.power_kw) OVER by_time AS is_new
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s
    WINDOW by_time AS (PARTITION BY r.channel_id ORDER BY r.timestamp)
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE is_new) OVER (PARTITION BY channel_id ORDER BY timestamp) AS run FROM steps
),
runs AS (
    SELECT channel_id, min(timestamp) AS since, min(power_kw) AS power_kw, sum(interval_s) / 3600.0 AS hours,
        count(*) AS interval_count
    FROM numbered
    GROUP BY channel_id, run
    HAVING sum(interval_s) >= %(min_stuck_hours)s * 3600 AND abs(min(power_kw)) > %(min_stuck_power_kw)s
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY channel_id ORDER BY hours DESC, since DESC) AS rank FROM runs
)
SELECT
    channel_id,
    sum(interval_count)::bigint AS found,
    format('%%s kW for %%s h from %%s', round((min(power_kw) FILTER (WHERE rank = 1))::numeric, 3),
        round(max(hours), 1), utc_text(min(since) FILTER (WHERE rank = 1))) AS finding,
    jsonb_agg(jsonb_build_object('since', utc_text(since), 'hours', round(hours, 2), 'power_kw', power_kw)
        ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM ranked
GROUP BY channel_id
ORDER BY channel_id
