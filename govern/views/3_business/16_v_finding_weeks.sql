-- Grain: one row per site, finding and week with a report, from the week on in which it was first found.
-- Units: kWh and currency, of the week or since the finding began or came back. Time zone: UTC; weeks are local Mondays.
--
-- Each week says one of four things (status). "seen": the report found it. "persists": the report no longer claims it,
-- but its load is still there: half or more of what it added to the power; a baseline gets used to anything. "blind":
-- the meter was silent, faulty or left out, which proves nothing. "clear": it could have been found, and was not. Two
-- clear weeks since it was last there solve it; where a report says it again after that, it is back, and counts anew.
--
-- One waste can be told under two kinds in turn: what leaks day and night is a level that rose, and a week later it runs
-- while the site is closed. The one that began first is the finding; the other is the same (same_as) as long as that one
-- is not solved, where it began within two weeks of it.
CREATE VIEW v_finding_weeks AS
WITH firsts AS (
    SELECT r.site_id, r.finding_id, r.kind, r.meter_id, min(w.week) AS first_week
    FROM v_report_findings AS r
    JOIN v_report_weeks AS w USING (site_id, report_run_id)
    GROUP BY r.site_id, r.finding_id, r.kind, r.meter_id
),
marks AS (
    SELECT DISTINCT ON (organization_id, finding_id) *
    FROM finding_marks
    ORDER BY organization_id, finding_id, mark_id DESC
),
-- Every week of every finding, with what its report says.
grid AS (
    SELECT
        f.site_id,
        f.finding_id,
        f.kind,
        f.meter_id,
        w.week,
        w.report_run_id,
        w.period_start,
        w.period_end,
        s.finding_id IS NOT NULL AS is_seen,
        f.meter_id IS NOT NULL AND (
            m.meter_id IS NULL OR coalesce(m.completeness_pct, 0) < 70 OR (m.is_doubtful AND f.kind <> 'meter')
        ) AS is_blind,
        coalesce(s.pattern = 'asked', false) AS is_asked,
        s.title,
        s.meter_name,
        s.confidence,
        s.pattern,
        s.cause,
        s.currency,
        s.energy_kwh AS found_kwh,
        s.cost AS found_cost,
        s.level_kw,
        s.rest_kw,
        CASE WHEN f.kind = 'after_hours' THEN m.closed_kw ELSE m.mean_kw END AS power_kw,
        k.state AS said,
        k.made_by AS said_by,
        k.made_at AS said_at,
        k.seen_week AS said_week,
        k.owner,
        k.due,
        k.done_on,
        k.note,
        count(s.finding_id) OVER past AS seen_number,
        count(s.finding_id) FILTER (WHERE s.pattern IS DISTINCT FROM 'asked') OVER past AS claim_number,
        count(s.level_kw) OVER past AS level_number
    FROM firsts AS f
    JOIN v_report_weeks AS w ON w.site_id = f.site_id AND w.week >= f.first_week
    LEFT JOIN v_report_findings AS s
        ON s.site_id = f.site_id AND s.report_run_id = w.report_run_id AND s.finding_id = f.finding_id
    LEFT JOIN v_report_meters AS m
        ON m.site_id = f.site_id AND m.report_run_id = w.report_run_id AND m.meter_id = f.meter_id
    LEFT JOIN marks AS k ON k.organization_id = f.site_id AND k.finding_id = f.finding_id
    WINDOW past AS (PARTITION BY f.site_id, f.finding_id ORDER BY w.week)
),
-- What was known when it was last seen stands in the weeks after; what is asked about counts as it was last claimed.
carried AS (
    SELECT
        g.*,
        first_value(g.title) OVER seen AS last_title,
        first_value(g.meter_name) OVER seen AS last_meter_name,
        first_value(g.confidence) OVER seen AS last_confidence,
        first_value(g.pattern) OVER seen AS last_pattern,
        first_value(g.cause) OVER seen AS last_cause,
        first_value(g.currency) OVER seen AS last_currency,
        coalesce(
            CASE WHEN g.claim_number > 0 THEN first_value(g.found_kwh) OVER claimed END,
            first_value(g.found_kwh) OVER seen
        ) AS last_kwh,
        coalesce(
            CASE WHEN g.claim_number > 0 THEN first_value(g.found_cost) OVER claimed END,
            first_value(g.found_cost) OVER seen
        ) AS last_cost,
        CASE WHEN g.level_number > 0 THEN first_value(g.found_kwh) OVER leveled END AS level_kwh,
        CASE WHEN g.level_number > 0 THEN first_value(g.found_cost) OVER leveled END AS level_cost,
        -- How much is still there of what it added to the power.
        (g.power_kw - first_value(g.rest_kw) OVER leveled)
        / nullif(first_value(g.level_kw) OVER leveled - first_value(g.rest_kw) OVER leveled, 0) AS share
    FROM grid AS g
    WINDOW
        seen AS (PARTITION BY g.site_id, g.finding_id, g.seen_number ORDER BY g.week),
        claimed AS (PARTITION BY g.site_id, g.finding_id, g.claim_number ORDER BY g.week),
        leveled AS (PARTITION BY g.site_id, g.finding_id, g.level_number ORDER BY g.week)
),
judged AS (
    SELECT
        c.*,
        CASE
            WHEN c.is_seen THEN 'seen'
            WHEN c.is_blind THEN 'blind'
            WHEN c.share >= 0.5 THEN 'persists'
            ELSE 'clear'
        END AS load_status
    FROM carried AS c
),
-- Clear weeks since it was last there; those that prove nothing stand between them.
cleared AS (
    SELECT
        j.*,
        count_clear_weeks(j.load_status) OVER (PARTITION BY j.site_id, j.finding_id ORDER BY j.week) AS clear_weeks
    FROM judged AS j
),
-- What was solved is there by a report alone.
counted AS (
    SELECT
        c.*,
        s.status,
        s.status IN ('seen', 'persists') AS is_there,
        CASE
            WHEN s.status = 'persists' THEN c.level_kwh * least(1, c.share)
            WHEN c.is_asked THEN least(c.found_kwh, c.last_kwh)
            ELSE c.found_kwh
        END AS own_kwh,
        CASE
            WHEN s.status = 'persists' THEN c.level_cost * least(1, c.share)
            WHEN c.is_asked THEN least(c.found_cost, c.last_cost)
            ELSE c.found_cost
        END AS own_cost
    FROM cleared AS c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.load_status = 'persists' AND c.clear_weeks > 0 THEN 'clear' ELSE c.load_status END AS status
    ) AS s
),
started AS (
    SELECT
        c.*,
        c.is_there AND coalesce(lag(c.clear_weeks) OVER past >= 2, true) AS is_start,
        CASE
            WHEN c.is_there AND lag(c.clear_weeks) OVER past >= 2
            THEN c.week - max(c.week) FILTER (WHERE c.is_there) OVER before
        END AS away_days
    FROM counted AS c
    WINDOW
        past AS (PARTITION BY c.site_id, c.finding_id ORDER BY c.week),
        before AS (
            PARTITION BY c.site_id, c.finding_id ORDER BY c.week ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
),
episodes AS (
    SELECT
        s.*,
        sum(s.is_start::integer) OVER (PARTITION BY s.site_id, s.finding_id ORDER BY s.week) AS episode
    FROM started AS s
),
told AS (
    SELECT
        e.*,
        e.clear_weeks >= 2 AS is_solved,
        min(e.week) OVER (PARTITION BY e.site_id, e.finding_id, e.episode ORDER BY e.week) AS since_week,
        last_told_kwh(e.found_kwh) OVER (
            PARTITION BY e.site_id, e.finding_id, e.episode, e.is_asked ORDER BY e.week
        ) AS told_kwh,
        -- The most that it was in the four weeks that somebody saw who spoke of it; of what a mail told, in the first
        -- week that was reported.
        coalesce(
            max(e.found_kwh) FILTER (WHERE e.week > e.said_week - 28 AND e.week <= e.said_week) OVER (
                PARTITION BY e.site_id, e.finding_id, e.is_asked
            ),
            CASE
                WHEN coalesce(first_value(e.week) OVER known > e.said_week, true)
                THEN first_value(e.found_kwh) OVER known
            END
        ) AS basis_kwh
    FROM episodes AS e
    WINDOW known AS (PARTITION BY e.site_id, e.finding_id, e.is_asked ORDER BY e.found_kwh IS NULL, e.week)
),
silenced AS (
    SELECT
        t.*,
        coalesce(t.said IN ('not-needed', 'wrong'), false) AND NOT has_grown(t.basis_kwh, t.found_kwh) AS own_silence,
        CASE
            WHEN t.meter_id IS NULL OR t.kind NOT IN ('after_hours', 'high_use', 'level_up') THEN t.finding_id
        END AS apart
    FROM told AS t
),
-- What its meter's load was called first, of what is not solved.
led AS (
    SELECT
        s.*,
        first_value(s.finding_id) OVER alike AS first_id,
        first_value(s.kind) OVER alike AS first_kind,
        first_value(s.since_week) OVER alike AS first_since,
        first_value(s.own_silence) OVER alike AS first_silence
    FROM silenced AS s
    WINDOW alike AS (
        PARTITION BY s.site_id, s.meter_id, s.apart, s.week ORDER BY s.is_solved, s.since_week, s.kind, s.finding_id
    )
),
paired AS (
    SELECT
        l.*,
        CASE
            WHEN l.finding_id <> l.first_id AND NOT l.is_solved AND l.said IS NULL
                AND 'level_up' IN (l.kind, l.first_kind) AND l.since_week - l.first_since <= 14
            THEN l.first_id
        END AS same_as
    FROM led AS l
),
-- Each kilowatt-hour of the two counts once.
shared AS (
    SELECT
        p.*,
        CASE WHEN p.same_as IS NOT NULL THEN p.own_kwh WHEN p.is_there THEN max(p.own_kwh) OVER one END AS week_kwh,
        CASE WHEN p.same_as IS NOT NULL THEN p.own_cost WHEN p.is_there THEN max(p.own_cost) OVER one END AS week_cost,
        CASE WHEN p.is_solved OR p.same_as IS NOT NULL THEN p.last_kwh ELSE max(p.last_kwh) OVER one END AS newest_kwh,
        CASE WHEN p.is_solved OR p.same_as IS NOT NULL THEN p.last_cost ELSE max(p.last_cost) OVER one END AS newest_cost
    FROM paired AS p
    WINDOW one AS (
        PARTITION BY p.site_id, p.week, coalesce(p.same_as, p.finding_id)
    )
)
SELECT
    t.site_id,
    t.finding_id,
    t.kind,
    t.last_cause AS cause,
    t.meter_id,
    t.last_meter_name AS meter_name,
    t.last_title AS title,
    t.last_confidence AS confidence,
    t.last_pattern AS pattern,
    t.last_currency AS currency,
    t.week,
    t.report_run_id,
    t.period_start,
    t.period_end,
    t.status,
    CASE
        WHEN t.clear_weeks >= 2 THEN 'solved'
        WHEN t.is_start AND t.episode = 1 THEN 'new'
        WHEN t.is_start THEN 'back'
        ELSE 'open'
    END AS state,
    t.status = 'clear' AND t.clear_weeks = 2 AS is_solved_now,
    t.episode::integer AS episode,
    t.since_week,
    (t.week - t.since_week) / 7 + 1 AS week_number,
    (count(*) FILTER (WHERE t.is_there) OVER so_far)::integer AS weeks_there,
    max(t.week) FILTER (WHERE t.is_there) OVER so_far AS last_there_week,
    t.clear_weeks::integer AS clear_weeks,
    max(t.away_days) OVER so_far / 7 - 1 AS back_after_weeks,
    t.week_kwh AS energy_kwh,
    t.week_cost AS cost,
    sum(t.week_kwh) OVER so_far AS energy_so_far_kwh,
    sum(t.week_cost) OVER so_far AS cost_so_far,
    t.newest_kwh AS last_energy_kwh,
    t.newest_cost AS last_cost,
    has_grown(lag(t.told_kwh) OVER alike, t.found_kwh) AS is_grown,
    t.said,
    t.said_by,
    t.said_at,
    t.owner,
    t.due,
    t.done_on,
    t.note,
    t.basis_kwh,
    CASE WHEN t.same_as IS NULL THEN t.own_silence ELSE t.first_silence END AS is_silent,
    t.same_as
FROM shared AS t
WINDOW
    so_far AS (PARTITION BY t.site_id, t.finding_id, t.episode ORDER BY t.week),
    alike AS (PARTITION BY t.site_id, t.finding_id, t.episode, t.is_asked ORDER BY t.week);

COMMENT ON VIEW v_finding_weeks IS 'The time line of every finding, week by week.';
COMMENT ON COLUMN v_finding_weeks.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_finding_weeks.finding_id IS 'Kind, cause and meter: the same in every week.';
COMMENT ON COLUMN v_finding_weeks.kind IS 'after_hours, high_use, low_use, level_up, level_down, meter or electrical.';
COMMENT ON COLUMN v_finding_weeks.cause IS 'What is wrong with a meter or its supply.';
COMMENT ON COLUMN v_finding_weeks.meter_id IS 'Meter (channel) id; null for the site as a whole.';
COMMENT ON COLUMN v_finding_weeks.meter_name IS 'Name of the meter when it was last seen; text from outside.';
COMMENT ON COLUMN v_finding_weeks.title IS 'What the report called it when it was last seen.';
COMMENT ON COLUMN v_finding_weeks.confidence IS 'high, medium or low, when it was last seen.';
COMMENT ON COLUMN v_finding_weeks.pattern IS 'recurring, new, once or asked, when it was last seen.';
COMMENT ON COLUMN v_finding_weeks.currency IS 'ISO 4217 code of the costs.';
COMMENT ON COLUMN v_finding_weeks.week IS 'Monday of the local week.';
COMMENT ON COLUMN v_finding_weeks.report_run_id IS 'Report of the week; 0 while it is being written.';
COMMENT ON COLUMN v_finding_weeks.period_start IS 'Start of its period, UTC.';
COMMENT ON COLUMN v_finding_weeks.period_end IS 'End of its period, UTC, exclusive.';
COMMENT ON COLUMN v_finding_weeks.status IS 'seen, persists, blind or clear: what the week says of it.';
COMMENT ON COLUMN v_finding_weeks.state IS 'new, open, solved or back, after this week.';
COMMENT ON COLUMN v_finding_weeks.is_solved_now IS 'Whether this is the second clear week.';
COMMENT ON COLUMN v_finding_weeks.episode IS 'How often it has begun: 1, or more where it came back.';
COMMENT ON COLUMN v_finding_weeks.since_week IS 'Week in which it began, or came back.';
COMMENT ON COLUMN v_finding_weeks.week_number IS 'How many weeks that is, this one included.';
COMMENT ON COLUMN v_finding_weeks.weeks_there IS 'In how many of them it was seen or persisted.';
COMMENT ON COLUMN v_finding_weeks.last_there_week IS 'The last of them.';
COMMENT ON COLUMN v_finding_weeks.clear_weeks IS 'Clear weeks since then.';
COMMENT ON COLUMN v_finding_weeks.back_after_weeks IS 'Where it came back: how many weeks it was away.';
COMMENT ON COLUMN v_finding_weeks.energy_kwh IS 'Its energy in the week, kWh.';
COMMENT ON COLUMN v_finding_weeks.cost IS 'What that costs.';
COMMENT ON COLUMN v_finding_weeks.energy_so_far_kwh IS 'Its energy since it began or came back, kWh.';
COMMENT ON COLUMN v_finding_weeks.cost_so_far IS 'What that cost.';
COMMENT ON COLUMN v_finding_weeks.last_energy_kwh IS 'Its energy in the last week in which it was claimed, kWh.';
COMMENT ON COLUMN v_finding_weeks.last_cost IS 'What that cost.';
COMMENT ON COLUMN v_finding_weeks.is_grown IS 'Whether it grew by half or more, and 10 kWh, since it was last told.';
COMMENT ON COLUMN v_finding_weeks.said IS 'What a person said last: planned, done, not-needed, wrong or open.';
COMMENT ON COLUMN v_finding_weeks.said_by IS 'Who said so.';
COMMENT ON COLUMN v_finding_weeks.said_at IS 'When.';
COMMENT ON COLUMN v_finding_weeks.owner IS 'Who takes care of it.';
COMMENT ON COLUMN v_finding_weeks.due IS 'By which local day.';
COMMENT ON COLUMN v_finding_weeks.done_on IS 'Local day on which it was done.';
COMMENT ON COLUMN v_finding_weeks.note IS 'What else was said.';
COMMENT ON COLUMN v_finding_weeks.basis_kwh IS 'Its most energy in a week around the day on which that was said, kWh.';
COMMENT ON COLUMN v_finding_weeks.is_silent IS 'Whether reports keep silent about it: it is not needed or wrong, and has not grown since.';
COMMENT ON COLUMN v_finding_weeks.same_as IS 'Finding of another kind about the same waste, which began first; null where there is none.';
