-- No interval's energy is beyond what a meter of this kind can carry, in either direction.
-- Hint: a register reset or a wrong unit; have the rows removed, and ingest the window again once the service is right.
SELECT format('channel %%s: %%s rows, worst %%s kWh in %%s s', r.channel_id, count(*),
    round((array_agg(r.energy_kwh ORDER BY abs(r.energy_kwh) DESC))[1]::numeric, 1), max(r.interval_s)) AS finding
FROM channels AS c
JOIN readings AS r USING (channel_id)
WHERE c.organization_id = %(site_id)s
    AND r.timestamp >= %(lookback_start)s
    AND abs(r.energy_kwh) * 3600 > %(max_power_kw)s * r.interval_s
GROUP BY r.channel_id
ORDER BY r.channel_id
