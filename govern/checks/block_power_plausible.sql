-- No channel's power is beyond what a meter of this kind can carry.
-- Scope: channel
-- Limit: max_power_kw = 5000 (the largest main that a sub-meter of this kind is rated for: 3 phases × 277 V × 6,000 A)
-- Hint: a wrong unit or transformer ratio; correct it at the device, then have the rows removed and ingested again. Where
--   the channel can carry that much, raise max_power_kw (or channel_max_power_kw) under [ingest] in the site's file.
-- Hint for files: a wrong unit; have the rows removed, and import the file with the right --unit.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.power_kw * coalesce(facts.unit_factor, 1) AS power_kw,
        coalesce(facts.max_power_kw, %(max_power_kw)s) AS max_power_kw,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY abs(r.power_kw) DESC) AS rank
    FROM channel_sites AS m
    LEFT JOIN channel_facts AS facts USING (channel_id, organization_id)
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND abs(r.power_kw) * coalesce(facts.unit_factor, 1) > coalesce(facts.max_power_kw, %(max_power_kw)s)
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows above %%s kW, highest %%s kW', count(*), min(max_power_kw), round(max(abs(power_kw))::numeric, 1))
        AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'power_kw', power_kw)
        ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
