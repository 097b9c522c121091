-- Over the look-back, a channel's energy is what its own power gives (median of energy ÷ power × hours).
-- Scope: channel
-- Limit: max_energy_power_ratio = 2 (metered pairs agree within a few percent; a factor of two over the median interval
--   is a wrong unit or multiplier, not noise)
-- Limit: min_checked_power_kw = 0.05 (below it rounding dominates)
-- Limit: min_checked_intervals = 8 (a median of fewer says little)
-- Warm-up: 1 days
-- Hint: energy and power disagree by a factor: a wrong unit or multiplier; compare one hour with the vendor's portal.
SELECT
    channel_id,
    interval_count AS found,
    format('energy is %%s times its power', round(ratio::numeric, 3)) AS finding,
    jsonb_build_array(jsonb_build_object('ratio', round(ratio::numeric, 3))) AS examples
FROM (
    SELECT
        r.channel_id,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY r.energy_kwh / (r.power_kw * r.interval_s / 3600.0)) AS ratio,
        count(*) AS interval_count
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.power_kw >= %(min_checked_power_kw)s
        AND r.energy_kwh IS NOT NULL
    GROUP BY r.channel_id
) AS compared
WHERE interval_count >= %(min_checked_intervals)s
    AND NOT ratio BETWEEN 1.0 / %(max_energy_power_ratio)s AND %(max_energy_power_ratio)s
ORDER BY channel_id
