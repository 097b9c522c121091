-- Where a meter counts import and export apart, its power is import less export.
-- Scope: channel
-- Limit: max_export_misfit_pct = 10 (of all energy that flowed: metered pairs agree within a few percent)
-- Limit: min_checked_intervals = 8 (a sum of fewer says little)
-- Hint: reports take its energy as it stands and tell no export of it; compare an hour with the vendor's portal: its power
--   may have no sign, or the register of export may be another meter's.
WITH exporting AS (
    SELECT
        r.channel_id,
        r.timestamp,
        r.energy_kwh,
        r.exported_energy_kwh AS exported_kwh,
        r.power_kw * r.interval_s / 3600 AS by_power_kwh
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.exported_energy_kwh > 0
        AND r.energy_kwh IS NOT NULL
        AND r.power_kw IS NOT NULL
),
sums AS (
    SELECT
        channel_id,
        count(*) AS found,
        sum(energy_kwh - exported_kwh) AS net_kwh,
        sum(by_power_kwh) AS by_power_kwh,
        sum(abs(by_power_kwh - energy_kwh + exported_kwh)) AS misfit_kwh,
        sum(energy_kwh + exported_kwh) AS flow_kwh,
        min(timestamp) AS first_at
    FROM exporting
    GROUP BY channel_id
    -- Energy below zero is net already.
    HAVING min(energy_kwh) >= 0
)
SELECT
    channel_id,
    found,
    format('in %%s intervals with export, import less export is %%s kWh, by its power %%s', found,
        round(net_kwh::numeric, 1), round(by_power_kwh::numeric, 1)) AS finding,
    jsonb_build_array(jsonb_build_object('first', utc_text(first_at))) AS examples
FROM sums
WHERE found >= %(min_checked_intervals)s AND 100 * misfit_kwh > %(max_export_misfit_pct)s * flow_kwh
ORDER BY channel_id
