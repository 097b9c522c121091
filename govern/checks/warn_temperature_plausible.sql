-- Temperature lies where sensors of this kind work.
-- Scope: channel
-- Limit: min_temperature_c = -40 (industrial range of electronic components)
-- Limit: max_temperature_c = 85 (the same; it is also what common sensors show when they fail)
-- Hint: a broken sensor, or degrees Fahrenheit; have the sensor looked at.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.temperature_c AS value,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY r.timestamp DESC) AS rank
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND NOT r.temperature_c BETWEEN %(min_temperature_c)s AND %(max_temperature_c)s
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, from %%s to %%s °C, last at %%s', count(*), min(value), max(value), utc_text(max(timestamp)))
        AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'temperature_c', value) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
