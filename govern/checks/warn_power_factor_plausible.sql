-- A power factor lies between -1 and 1.
-- Scope: channel
-- Limit: max_power_factor = 1.005 (by definition 1; devices round to two digits)
-- Hint: percent in the place of a ratio, or a fault of the device; show the rows to the vendor.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.power_factor AS value,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY r.timestamp DESC) AS rank
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND abs(r.power_factor) > %(max_power_factor)s
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, from %%s to %%s (no unit), last at %%s', count(*), min(value), max(value), utc_text(max(timestamp)))
        AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'power_factor', value) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
