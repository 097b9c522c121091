-- No two channels of a site report the same energy day after day: one load under two numbers would be counted twice.
-- Scope: channel
-- Limit: min_twin_days = 3 (real loads differ in the first digits every day)
-- Hint: one of the two is a copy; have it removed from the account, or make it the other's child.
WITH histories AS (
    SELECT u.meter_id AS channel_id, array_agg(round(u.total_kwh::numeric, 3) ORDER BY u.local_date) AS kwh
    FROM mv_daily_usage AS u
    JOIN channels AS c ON c.channel_id = u.meter_id
    WHERE c.organization_id = %(site_id)s
        AND u.local_date >= %(lookback_start)s::timestamptz::date
        AND u.total_kwh > 0
    GROUP BY u.meter_id
    HAVING count(*) >= %(min_twin_days)s
)
SELECT
    copy.channel_id,
    1 AS found,
    format('the same energy as channel %%s on %%s days', min(first.channel_id), min(cardinality(copy.kwh))) AS finding,
    jsonb_build_array(jsonb_build_object('twin_channel_id', min(first.channel_id))) AS examples
FROM histories AS copy
JOIN histories AS first ON first.kwh = copy.kwh AND first.channel_id < copy.channel_id
GROUP BY copy.channel_id
ORDER BY copy.channel_id
