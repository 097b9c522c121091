-- Line frequency is 0 (no supply) or that of a 50 or 60 Hz grid or generator.
-- Scope: channel
-- Limit: min_frequency_hz = 45 (50 Hz less 10 %; ISO 8528-5 allows generators of class G1 5 %)
-- Limit: max_frequency_hz = 66 (60 Hz and 10 %)
-- Hint: a fault of the device; show the rows to the vendor.
WITH wrong AS (
    SELECT
        r.channel_id, r.timestamp, r.frequency_hz AS value,
        row_number() OVER (PARTITION BY r.channel_id ORDER BY r.timestamp DESC) AS rank
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.frequency_hz <> 0
        AND NOT r.frequency_hz BETWEEN %(min_frequency_hz)s AND %(max_frequency_hz)s
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, from %%s to %%s Hz, last at %%s', count(*), min(value), max(value), utc_text(max(timestamp)))
        AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'frequency_hz', value) ORDER BY rank)
        FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
