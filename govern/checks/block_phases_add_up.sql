-- Over the look-back, the power of a channel's phases adds up to its total (median of the sum over the total).
-- Scope: channel
-- Limit: max_phase_sum_ratio = 1.1 (the service sums them itself; a tenth allows for phases and total being averaged apart)
-- Limit: min_checked_power_kw = 0.05 (below it rounding dominates)
-- Limit: min_checked_intervals = 8 (a median of fewer says little)
-- Warm-up: 1 days
-- Hint: a phase is missing from the total or counted twice; compare one hour with the vendor's portal.
SELECT
    channel_id,
    interval_count AS found,
    format('its phases are %%s times its total power', round(ratio::numeric, 3)) AS finding,
    jsonb_build_array(jsonb_build_object('ratio', round(ratio::numeric, 3))) AS examples
FROM (
    SELECT
        r.channel_id,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY
            (coalesce(r.power_l1_kw, 0) + coalesce(r.power_l2_kw, 0) + coalesce(r.power_l3_kw, 0)) / r.power_kw) AS ratio,
        count(*) AS interval_count
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.power_kw >= %(min_checked_power_kw)s
        AND num_nonnulls(r.power_l1_kw, r.power_l2_kw, r.power_l3_kw) > 0
    GROUP BY r.channel_id
) AS compared
WHERE interval_count >= %(min_checked_intervals)s
    AND NOT ratio BETWEEN 1 / %(max_phase_sum_ratio)s AND %(max_phase_sum_ratio)s
ORDER BY channel_id
