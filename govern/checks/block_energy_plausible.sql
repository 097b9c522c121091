-- No interval's energy is beyond what a meter of this kind can carry, in either direction.
-- Scope: channel
-- Limit: max_power_kw = 5000 (the largest main that a sub-meter of this kind is rated for: 3 phases × 277 V × 6,000 A)
-- Hint: a register reset or a wrong unit; have the rows removed, and ingest the window again once the service is right.
-- Hint for files: a register reset or a wrong unit; have the rows removed, correct the file, and import it again.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.interval_s, r.energy_kwh * coalesce(facts.unit_factor, 1) AS energy_kwh,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY abs(r.energy_kwh) DESC) AS rank
    FROM channel_sites AS m
    LEFT JOIN channel_facts AS facts USING (channel_id, organization_id)
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND abs(r.energy_kwh) * coalesce(facts.unit_factor, 1) * 3600 > %(max_power_kw)s * r.interval_s
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, worst %%s kWh in %%s s', count(*),
        round((min(energy_kwh) FILTER (WHERE rank = 1))::numeric, 1), min(interval_s) FILTER (WHERE rank = 1))
        AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'energy_kwh', energy_kwh, 'interval_s', interval_s)
        ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
