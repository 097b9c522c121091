-- On days that all of them measured alike, a main meter's energy holds that of the meters below it.
-- Scope: channel
-- Limit: max_children_ratio = 1.05 (meter and transformer of class 1 each: 2 % on either side, IEC 62053-21, IEC 61869-2)
-- Limit: min_compared_days = 3 (a day or two may hold a meter's replacement)
-- Hint: the tree of meters is wrong, or a multiplier is; say in config/sites/<id>.toml what each is part of
--   ([channels."NAME"] with parent = "MAIN", or parent = "" for none), or correct a meter by its unit_factor.
WITH meters AS MATERIALIZED (
    -- Looked up once: the planner would do so for each pair of meters.
    SELECT meter_id, parent_meter_id, kind, unit_factor FROM v_meters WHERE site_id = %(site_id)s AND is_counted
),
usage AS MATERIALIZED (
    SELECT u.meter_id, u.local_date, u.total_kwh * m.unit_factor AS total_kwh, u.covered_s, u.min_kw, u.negative_count
    FROM meters AS m
    JOIN mv_daily_usage AS u ON u.meter_id = m.meter_id AND u.site_id = %(site_id)s
    WHERE u.local_date >= %(lookback_start)s::timestamptz::date
),
days AS (
    SELECT
        parent.meter_id AS channel_id,
        parent.local_date,
        parent.total_kwh AS main_kwh,
        sum(child.total_kwh) AS children_kwh
    FROM meters AS m
    JOIN meters AS main ON main.meter_id = m.parent_meter_id
    JOIN usage AS parent ON parent.meter_id = m.parent_meter_id
    JOIN usage AS child ON child.meter_id = m.meter_id AND child.local_date = parent.local_date
    WHERE coalesce(m.kind, '') NOT IN ('generation', 'storage')
        -- Behind a main that generation or storage feeds, the parts draw more than it imports.
        AND NOT EXISTS (
            SELECT FROM meters AS source
            WHERE source.kind IN ('generation', 'storage')
                AND (source.parent_meter_id = main.meter_id OR main.kind = 'main')
        )
        -- Nor does a day on which a main fed in, be what generates metered or not.
        AND (main.kind IS DISTINCT FROM 'main' OR coalesce(parent.min_kw, 0) >= 0 AND parent.negative_count = 0)
    GROUP BY parent.meter_id, parent.local_date, parent.total_kwh, parent.covered_s
    -- A child that measured more of the day than its main would say nothing about the two.
    HAVING max(child.covered_s) <= parent.covered_s
)
SELECT
    channel_id,
    count(*) AS found,
    format('on %%s days it has %%s kWh, the meters below it %%s', count(*), round(sum(main_kwh)::numeric, 1),
        round(sum(children_kwh)::numeric, 1)) AS finding,
    jsonb_build_array(jsonb_build_object('first_date', min(local_date), 'last_date', max(local_date))) AS examples
FROM days
GROUP BY channel_id
HAVING count(*) >= %(min_compared_days)s AND sum(children_kwh) > %(max_children_ratio)s * sum(main_kwh)
ORDER BY channel_id
