-- No interval's energy is far more than its power gives: a register that jumps, or catches up after an outage.
-- Scope: channel
-- Limit: max_jump_ratio = 3 (metered pairs of energy and mean power agree within a few percent)
-- Limit: min_jump_kwh = 0.1 (below it a ratio compares rounding errors)
-- Hint: reports leave these intervals out of findings and keep them in totals; a jump without an outage before it is a fault.
WITH hours AS MATERIALIZED (
    -- Gathered first: read in the order of its index to be grouped, the table would be gone through row by row.
    SELECT u.meter_id, u.total_kwh
    FROM channel_sites AS m
    JOIN mv_hourly_usage AS u ON u.meter_id = m.channel_id AND u.site_id = m.organization_id
    WHERE m.organization_id = %(site_id)s AND u.hour >= %(lookback_start)s
),
usual AS MATERIALIZED (
    -- Where a channel has no power, its own busy hours say what an interval can hold.
    SELECT meter_id AS channel_id, percentile_cont(0.95) WITHIN GROUP (ORDER BY total_kwh) AS power_kw
    FROM hours
    GROUP BY meter_id
),
wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.energy_kwh, r.power_kw,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY r.energy_kwh DESC) AS rank
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    JOIN usual USING (channel_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.energy_kwh > %(min_jump_kwh)s
        -- Energy may be what was imported alone; power is net of what went the other way.
        AND r.energy_kwh - coalesce(r.exported_energy_kwh, 0)
            > %(max_jump_ratio)s * coalesce(abs(r.power_kw), usual.power_kw) * r.interval_s / 3600
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, worst %%s kWh at %%s', count(*), round(max(energy_kwh)::numeric, 3),
        utc_text(min(timestamp) FILTER (WHERE rank = 1))) AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'energy_kwh', energy_kwh, 'power_kw', power_kw)
        ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
