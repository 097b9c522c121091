-- Of the channels that show one metering point it is known which is the whole and which are its parts.
-- Scope: channel
-- Hint: say under [channels] in config/sites/<id>.toml what each is part of (parent = "ID", or parent = "" for none), or
--   leave one out ([site] with exclude). Until then the report's headline says that the total may count twice.
WITH views AS (
    SELECT meter_id, meter_name, point_id, point_view, is_parent_named
    FROM v_meters
    WHERE site_id = %(site_id)s AND is_energy_meter AND is_counted
        AND coalesce(uninstalled_at > %(lookback_start)s::timestamptz, true)
),
-- Phases alone add up to their point.
unclear AS (
    SELECT
        min(meter_id) AS channel_id,
        count(*) AS found,
        string_agg(format('%%s (%%s)', meter_name, meter_id), ', ' ORDER BY meter_id) AS names,
        array_agg(meter_id ORDER BY meter_id) AS ids,
        array_agg(meter_name ORDER BY meter_id) AS meter_names
    FROM views
    WHERE NOT is_parent_named
    GROUP BY point_id
    HAVING count(*) > 1 AND bool_or(point_view IS DISTINCT FROM 'phase')
)
SELECT
    channel_id,
    found,
    format('its metering point is shown by %%s channels that all count: %%s', found, names) AS finding,
    jsonb_build_array(jsonb_build_object('channel_ids', to_jsonb(ids), 'lines', (
        SELECT jsonb_agg(line ORDER BY place, part)
        FROM unnest(ids[2:], meter_names[2:]) WITH ORDINALITY AS other (meter_id, meter_name, place)
        CROSS JOIN LATERAL (VALUES
            (1, format('[channels."%%s"]  # %%s', meter_id, to_jsonb(meter_name))),
            (2, format('parent = "%%s"  # %%s; or "" if it is a load of its own', ids[1], to_jsonb(meter_names[1])))
        ) AS written (part, line)
    ))) AS examples
FROM unclear
ORDER BY channel_id
