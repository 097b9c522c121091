-- Energy is negative only where power flows back; elsewhere a counter was reset.
-- Scope: channel
-- Hint: reports leave these intervals out of findings; ask the vendor whether the meter was replaced.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.energy_kwh,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY r.energy_kwh) AS rank
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s AND r.energy_kwh < 0
        AND NOT coalesce(r.power_kw < 0, false)
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, lowest %%s kWh', count(*), round(min(energy_kwh)::numeric, 3)) AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'energy_kwh', energy_kwh) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
