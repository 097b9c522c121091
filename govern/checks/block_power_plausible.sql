-- No channel's power is beyond what a meter of this kind can carry.
-- Hint: a wrong unit or transformer ratio; correct it at the device, then have the rows removed and ingested again.
SELECT format('channel %%s: %%s rows above %%s kW, highest %%s kW', r.channel_id, count(*), %(max_power_kw)s,
    round(max(abs(r.power_kw))::numeric, 1)) AS finding
FROM channels AS c
JOIN readings AS r USING (channel_id)
WHERE c.organization_id = %(site_id)s
    AND r.timestamp >= %(lookback_start)s
    AND abs(r.power_kw) > %(max_power_kw)s
GROUP BY r.channel_id
ORDER BY r.channel_id
