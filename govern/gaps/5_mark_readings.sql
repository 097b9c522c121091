-- Mark the readings that hold more than their own interval: a counter that catches up after a gap, and a repeated local
-- hour that holds both its passes. They stay as they came. More than the channel carries since the record before is no
-- catch-up: by the limits of ingest and the check energy_plausible.
INSERT INTO reading_marks (channel_id, timestamp, mark, detail, marked_at)
SELECT
    r.channel_id, r.timestamp, 'catch_up',
    format('%%s kWh after %%s h without readings; usual would be %%s kWh', round(r.energy_kwh::numeric, 3),
        round(extract(epoch FROM g.gap_end - g.gap_start) / 3600, 2), round(usual.energy_kwh::numeric, 3)),
    %(now)s
FROM (SELECT channel_id, look_from, look_until FROM gap_scope) AS s
JOIN reading_gaps AS g
    ON g.channel_id = s.channel_id AND g.organization_id = %(site_id)s
    AND g.gap_end BETWEEN s.look_from AND s.look_until
JOIN readings AS r ON r.channel_id = g.channel_id AND r.organization_id = %(site_id)s AND r.timestamp = g.gap_end
CROSS JOIN LATERAL (
    SELECT coalesce(
        abs(r.power_kw) * r.interval_s / 3600.0,
        -- Without a power of its own: what the channel seldom exceeds in the two weeks before.
        (
            SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY before.energy_kwh)
            FROM readings AS before
            WHERE r.power_kw IS NULL AND before.channel_id = r.channel_id AND before.organization_id = r.organization_id
                AND before.timestamp >= g.gap_start - interval '14 days' AND before.timestamp < g.gap_start
        )
    ) AS energy_kwh
) AS usual
LEFT JOIN channel_facts AS facts ON facts.channel_id = r.channel_id AND facts.organization_id = r.organization_id
CROSS JOIN LATERAL (
    SELECT least(
        %(max_catch_up_hours)s * 3600.0,
        extract(epoch FROM r.timestamp - max(before.timestamp))
    ) AS seconds
    FROM readings AS before
    WHERE before.channel_id = r.channel_id AND before.organization_id = r.organization_id
        AND before.timestamp < r.timestamp
        AND before.timestamp >= r.timestamp - %(max_catch_up_hours)s * interval '1 hour'
        AND before.energy_kwh IS NOT NULL
) AS elapsed
WHERE g.kind = 'interior' AND g.state <> 'refetched'
    AND r.timestamp >= %(first)s AND r.timestamp <= %(last)s
    AND r.energy_kwh * coalesce(facts.unit_factor, 1) * 3600
        <= coalesce(facts.max_power_kw, %(max_power_kw)s) * greatest(elapsed.seconds, r.interval_s)
    AND r.energy_kwh > %(catch_up_min_energy_kwh)s
    AND r.energy_kwh > %(catch_up_min_ratio)s * usual.energy_kwh
ON CONFLICT DO NOTHING;

CREATE TEMP TABLE doubled_hours ON COMMIT DROP AS
WITH repeated AS MATERIALIZED (
    -- Once, of which there are few: by a server without statistics it was worked out again for each reading.
    -- The first moment whose wall clock is the same an hour later; in a zone of half hours it is no hour of UTC.
    SELECT moment AS first_pass
    FROM organizations AS o
    CROSS JOIN generate_series(date_trunc('hour', %(first)s, 'UTC'), %(last)s, interval '15 minutes') AS moment
    WHERE o.organization_id = %(site_id)s
        AND moment AT TIME ZONE o.timezone = (moment + interval '1 hour') AT TIME ZONE o.timezone
        AND (moment - interval '15 minutes') AT TIME ZONE o.timezone
            <> (moment + interval '45 minutes') AT TIME ZONE o.timezone
),
hours AS (
    SELECT
        r.channel_id,
        p.first_pass,
        floor(extract(epoch FROM r.timestamp - p.first_pass) / 3600) AS number,
        sum(r.energy_kwh) AS energy_kwh,
        sum(r.interval_s) AS covered_s
    FROM repeated AS p
    CROSS JOIN (SELECT channel_id FROM gap_scope) AS s
    JOIN readings AS r ON r.channel_id = s.channel_id AND r.organization_id = %(site_id)s
        AND r.timestamp >= p.first_pass - interval '1 hour' AND r.timestamp < p.first_pass + interval '3 hours'
    WHERE r.energy_kwh IS NOT NULL
    GROUP BY 1, 2, 3
),
compared AS (
    SELECT
        channel_id,
        first_pass,
        max(energy_kwh) FILTER (WHERE number = 0) AS first_kwh,
        coalesce(max(energy_kwh) FILTER (WHERE number = 1), 0) AS second_kwh,
        avg(energy_kwh) FILTER (WHERE number IN (-1, 2)) AS usual_kwh
    FROM hours
    GROUP BY channel_id, first_pass
    HAVING count(*) FILTER (WHERE number IN (-1, 0, 2) AND covered_s = 3600) = 3
)
SELECT
    channel_id, first_pass, first_pass + interval '1 hour' AS second_pass, first_pass + interval '2 hours' AS second_end,
    first_kwh, usual_kwh
FROM compared
WHERE usual_kwh > %(catch_up_min_energy_kwh)s
    AND second_kwh <= %(doubling_nothing_ratio)s * usual_kwh
    AND first_kwh BETWEEN %(doubling_min_ratio)s * usual_kwh AND %(doubling_max_ratio)s * usual_kwh;

INSERT INTO reading_marks (channel_id, timestamp, mark, detail, marked_at)
SELECT
    r.channel_id, r.timestamp, 'clock_change',
    format('%%s kWh in the first pass of the repeated hour, nothing in the second; the hours beside it hold %%s kWh',
        round(d.first_kwh::numeric, 3), round(d.usual_kwh::numeric, 3)),
    %(now)s
FROM (SELECT * FROM doubled_hours) AS d
JOIN readings AS r ON r.channel_id = d.channel_id AND r.timestamp >= d.first_pass AND r.timestamp < d.second_pass
WHERE r.timestamp >= %(first)s - interval '1 hour' AND r.timestamp < %(last)s + interval '1 hour'
ON CONFLICT DO NOTHING;

UPDATE reading_gaps AS g
SET reason = 'the clock change: its energy stands in the hour before'
FROM (SELECT channel_id, second_pass, second_end FROM doubled_hours) AS d
WHERE g.channel_id = d.channel_id
    AND g.state = 'pending' AND g.reason IS NULL
    AND g.gap_start >= d.second_pass AND g.gap_end <= d.second_end;
