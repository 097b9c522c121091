-- Where the service shows a metering point as a whole and by its phases, the phases add up to the whole.
-- Scope: channel
-- Limit: max_phase_views_ratio = 1.05 (recorded points agree within a thousandth; days that both measured alike)
-- Limit: min_compared_days = 3 (a day or two may hold a meter's replacement)
-- Hint: the view of the whole is what counts; compare a day with the vendor's portal. If the phases are right, leave the
--   whole out ([site] with exclude in config/sites/<id>.toml), and they count instead.
WITH meters AS MATERIALIZED (
    -- Looked up once: the planner would do so for each pair of meters.
    SELECT meter_id, counted_by, point_view, unit_factor FROM v_meters WHERE site_id = %(site_id)s
),
days AS (
    SELECT
        whole.meter_id AS channel_id, u.local_date, u.total_kwh * whole.unit_factor AS whole_kwh,
        sum(p.total_kwh * phase.unit_factor) AS phases_kwh, count(*) AS phase_count
    FROM meters AS whole
    JOIN meters AS phase ON phase.counted_by = whole.meter_id AND phase.point_view = 'phase'
    JOIN mv_daily_usage AS u ON u.meter_id = whole.meter_id AND u.site_id = %(site_id)s
    JOIN mv_daily_usage AS p
        ON p.meter_id = phase.meter_id AND p.site_id = %(site_id)s AND p.local_date = u.local_date
        AND p.covered_s = u.covered_s
    WHERE u.local_date >= %(lookback_start)s::timestamptz::date
    GROUP BY whole.meter_id, u.local_date, u.total_kwh, whole.unit_factor
),
sums AS (
    SELECT
        channel_id, count(*) AS found, sum(whole_kwh) AS whole_kwh, sum(phases_kwh) AS phases_kwh,
        min(phase_count) AS phase_count, min(local_date) AS first_date, max(local_date) AS last_date
    FROM days
    GROUP BY channel_id
)
SELECT
    channel_id,
    found,
    format('on %%s days it has %%s kWh, its phases %%s', found, round(whole_kwh::numeric, 1),
        round(phases_kwh::numeric, 1)) AS finding,
    jsonb_build_array(jsonb_build_object('first_date', first_date, 'last_date', last_date)) AS examples
FROM sums
WHERE found >= %(min_compared_days)s
    AND (phases_kwh > %(max_phase_views_ratio)s * whole_kwh
        -- One or two of three phases are less than the whole.
        OR phase_count >= 3 AND whole_kwh > %(max_phase_views_ratio)s * phases_kwh)
ORDER BY channel_id
