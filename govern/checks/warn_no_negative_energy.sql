-- Energy used is never negative; where it is, a counter was reset.
-- Hint: leave these intervals out of totals, and ask the vendor whether the meter was replaced.
SELECT format('channel %%s: %%s rows, lowest %%s kWh', r.channel_id, count(*),
    round(min(r.energy_kwh)::numeric, 3)) AS finding
FROM channels AS c
JOIN readings AS r USING (channel_id)
WHERE c.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s AND r.energy_kwh < 0
GROUP BY r.channel_id
ORDER BY r.channel_id
