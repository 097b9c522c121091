-- Line-to-neutral voltage is 0 (no supply) or that of a low-voltage grid.
-- Scope: channel
-- Limit: min_voltage_v = 80 (the lowest nominal anywhere, 100 V in Japan, less 20 %)
-- Limit: max_voltage_v = 480 (the highest nominal of low voltage, 690 V line to line, IEC 60038, so 400 V, and 20 %)
-- Hint: a wrong transformer ratio, or line-to-line voltage in its place; the electrical health cannot be read.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.voltage_v AS value,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY r.timestamp DESC) AS rank
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.voltage_v <> 0
        AND NOT r.voltage_v BETWEEN %(min_voltage_v)s AND %(max_voltage_v)s
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, from %%s to %%s V, last at %%s', count(*), min(value), max(value), utc_text(max(timestamp)))
        AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'voltage_v', value) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
