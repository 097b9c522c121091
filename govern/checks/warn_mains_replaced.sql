-- No meter begins when the main of others ends: it may have taken its place, and they hang below the old one still.
-- Scope: channel
-- Limit: max_replaced_days = 3 (between the last day of one and the first of the other: an electrician's visit)
-- Limit: min_replaced_ratio = 0.5 (of the mean power of one to that of the other: a site's use changes with its season)
-- Hint: write the lines into config/sites/<id>.toml in place of those that name the old main, or parent = "" for the
--   new meter if it is a load of its own, and validate again. Until then the headline says that the total may count twice.
WITH meters AS MATERIALIZED (
    SELECT meter_id, meter_name, parent_meter_id, is_parent_named, kind, uninstalled_at, unit_factor
    FROM v_meters
    WHERE site_id = %(site_id)s AND is_energy_meter AND is_counted
),
spans AS MATERIALIZED (
    SELECT
        m.meter_id, m.meter_name, m.parent_meter_id, m.is_parent_named, m.kind, m.uninstalled_at,
        min(u.local_date) AS first_date,
        least(max(u.local_date), m.uninstalled_at::date) AS last_date,
        avg(u.avg_kw) * m.unit_factor AS mean_kw
    FROM meters AS m
    JOIN mv_daily_usage AS u ON u.meter_id = m.meter_id AND u.site_id = %(site_id)s
    WHERE u.local_date >= %(lookback_start)s::timestamptz::date AND u.avg_kw IS NOT NULL
    GROUP BY m.meter_id, m.meter_name, m.parent_meter_id, m.is_parent_named, m.kind, m.uninstalled_at, m.unit_factor
),
pairs AS (
    SELECT DISTINCT ON (new.meter_id)
        new.meter_id, new.meter_name, new.first_date, main.meter_id AS main_id, main.meter_name AS main_name,
        main.last_date, main.uninstalled_at IS NULL AS has_no_end
    FROM spans AS main
    JOIN spans AS new
        ON abs(new.first_date - main.last_date) <= %(max_replaced_days)s
        AND least(new.mean_kw, main.mean_kw) >= %(min_replaced_ratio)s * greatest(new.mean_kw, main.mean_kw)
    WHERE main.last_date < %(asked_until)s::timestamptz::date - 1
        -- One that has readings from the look-back's beginning on began before it.
        AND new.first_date > %(lookback_start)s::timestamptz::date + 3
        AND new.parent_meter_id IS NULL AND NOT new.is_parent_named AND coalesce(new.kind, 'main') IN ('main', 'load')
        AND EXISTS (SELECT FROM meters AS part WHERE part.parent_meter_id = main.meter_id)
        AND NOT EXISTS (SELECT FROM meters AS part WHERE part.parent_meter_id = new.meter_id)
    ORDER BY new.meter_id, abs(new.mean_kw - main.mean_kw)
)
SELECT
    p.meter_id AS channel_id,
    count(DISTINCT part.meter_id) AS found,
    format('it begins on %%s, when %%s (%%s) ends, whose parts are %%s: if it took its place, the total counts them'
        ' twice', p.first_date, p.main_name, p.main_id, string_agg(format('%%s (%%s)', part.meter_name, part.meter_id), ', '
            ORDER BY part.meter_id) FILTER (WHERE written.place = 1)) AS finding,
    jsonb_build_array(jsonb_build_object('main', p.main_id, 'lines',
        CASE WHEN p.has_no_end THEN jsonb_build_array(
            format('[channels."%%s"]  # %%s', p.main_id, to_jsonb(p.main_name)), format('until = %%s', p.last_date)
        ) ELSE '[]' END
        || jsonb_agg(written.line ORDER BY part.meter_id, written.place)
    )) AS examples
FROM pairs AS p
JOIN meters AS part ON part.parent_meter_id = p.main_id
CROSS JOIN LATERAL (VALUES
    (1, format('[channels."%%s"]  # %%s', part.meter_id, to_jsonb(part.meter_name))),
    (2, format('parent = "%%s"  # %%s', p.meter_id, to_jsonb(p.meter_name)))
) AS written (place, line)
GROUP BY p.meter_id, p.meter_name, p.first_date, p.main_id, p.main_name, p.last_date, p.has_no_end
ORDER BY p.meter_id
