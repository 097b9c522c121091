-- No record's energy is beyond what its channel can carry, in either direction, in the time since the record before: after
-- an outage one record may hold the energy of all of it, as the ingest has it.
-- Scope: channel
-- Limit: max_power_kw = 5000 (the largest main that a sub-meter of this kind is rated for: 3 phases × 277 V × 6,000 A)
-- Limit: max_catch_up_hours = 744 (a month: after a longer outage the meter was replaced)
-- Hint: keep the rows until it is clear what they are: compare with the vendor's portal. Where the channel can carry that
--   much, raise max_power_kw (or channel_max_power_kw) under [ingest] in the site's file. Only rows of a register that was
--   reset, or in a wrong unit, are to be removed; ingest their window again once the service is right.
-- Hint for files: keep the rows until it is clear what they are. Where the channel can carry that much, raise max_power_kw
--   (or channel_max_power_kw) under [ingest] in the site's file. Only rows in a wrong unit, or of a register that was reset,
--   are to be removed; correct the file, and import it again.
WITH high AS (
    -- Beyond their own interval; few, so that the record before is looked for of these alone.
    SELECT
        r.channel_id, r.organization_id, r.timestamp, r.interval_s,
        r.energy_kwh * coalesce(facts.unit_factor, 1) AS energy_kwh,
        coalesce(facts.max_power_kw, %(max_power_kw)s) AS max_power_kw
    FROM channel_sites AS m
    LEFT JOIN channel_facts AS facts USING (channel_id, organization_id)
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND abs(r.energy_kwh) * coalesce(facts.unit_factor, 1) * 3600
            > coalesce(facts.max_power_kw, %(max_power_kw)s) * r.interval_s
),
wrong AS (
    SELECT
        high.*, elapsed.seconds,
        row_number() OVER (PARTITION BY high.channel_id ORDER BY abs(high.energy_kwh) DESC) AS rank
    FROM high
    CROSS JOIN LATERAL (
        SELECT greatest(high.interval_s, least(
            %(max_catch_up_hours)s * 3600,
            extract(epoch FROM high.timestamp - max(before.timestamp))
        )) AS seconds
        FROM readings AS before
        WHERE before.channel_id = high.channel_id AND before.organization_id = high.organization_id
            AND before.timestamp < high.timestamp
            AND before.timestamp >= high.timestamp - %(max_catch_up_hours)s * interval '1 hour'
            AND before.energy_kwh IS NOT NULL
    ) AS elapsed
    WHERE abs(high.energy_kwh) * 3600 > high.max_power_kw * elapsed.seconds
)
SELECT
    channel_id,
    count(*) AS found,
    format('%%s rows, worst %%s kWh in %%s s', count(*),
        round((min(energy_kwh) FILTER (WHERE rank = 1))::numeric, 1),
        round(min(seconds) FILTER (WHERE rank = 1))) AS finding,
    jsonb_agg(jsonb_build_object('timestamp', utc_text(timestamp), 'energy_kwh', energy_kwh, 'interval_s', interval_s)
        ORDER BY rank) FILTER (WHERE rank <= 3) AS examples
FROM wrong
GROUP BY channel_id
ORDER BY channel_id
