-- No two channels of a site report the same energy day after day: one load under two numbers would be counted twice.
-- Scope: channel
-- Limit: min_twin_days = 3 (real loads differ in the first digits every day)
-- Hint: if one is a copy, leave it out ([site] with exclude in config/sites/<id>.toml) or say whose part it is; if both are
--   real, say parent = "" under [channels] of either. Until then the report's headline says that the total may count twice.
WITH histories AS (
    SELECT
        u.meter_id AS channel_id, m.meter_name, m.is_parent_named, m.parent_meter_id,
        array_agg(round((u.total_kwh * m.unit_factor)::numeric, 3) ORDER BY u.local_date) AS kwh
    FROM mv_daily_usage AS u
    JOIN v_meters AS m USING (site_id, meter_id)
    WHERE m.site_id = %(site_id)s
        AND m.is_counted
        AND u.local_date >= %(lookback_start)s::timestamptz::date
        AND u.total_kwh > 0
    GROUP BY u.meter_id, m.meter_name, m.is_parent_named, m.parent_meter_id
    HAVING count(*) >= %(min_twin_days)s
),
twins AS (
    SELECT DISTINCT ON (copy.channel_id)
        copy.channel_id, copy.meter_name, first.channel_id AS first_id, first.meter_name AS first_name,
        cardinality(copy.kwh) AS days
    FROM histories AS copy
    JOIN histories AS first ON first.kwh = copy.kwh AND first.channel_id < copy.channel_id
    -- The site's file says what the copy is part of, or that it is a meter of its own.
    WHERE NOT copy.is_parent_named
        AND NOT (first.is_parent_named AND first.parent_meter_id IS NULL)
        AND copy.parent_meter_id IS DISTINCT FROM first.channel_id
        AND first.parent_meter_id IS DISTINCT FROM copy.channel_id
    ORDER BY copy.channel_id, first.channel_id
)
SELECT
    channel_id,
    1 AS found,
    format('the same energy as channel %%s on %%s days', first_id, days) AS finding,
    jsonb_build_array(jsonb_build_object('twin_channel_id', first_id, 'lines', jsonb_build_array(
        '[site]', format('exclude = [%%s]  # %%s, a copy of %%s', channel_id, to_jsonb(meter_name), to_jsonb(first_name))
    ))) AS examples
FROM twins
ORDER BY channel_id
