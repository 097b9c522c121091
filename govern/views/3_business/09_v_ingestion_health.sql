-- Grain: one row per site: when it was last fetched, how far its readings reach, and what failed in its latest run.
-- Time zone: UTC.
CREATE VIEW v_ingestion_health AS
WITH reach AS (
    SELECT
        c.organization_id,
        latest.timestamp + latest.interval_s * interval '1 second' AS reading_end,
        max(latest.timestamp + latest.interval_s * interval '1 second') OVER (PARTITION BY c.organization_id)
            AS site_reading_end
    FROM channels AS c
    JOIN organizations AS o USING (organization_id)
    LEFT JOIN v_latest_readings AS latest ON latest.meter_id = c.channel_id AND latest.site_id = c.organization_id
    LEFT JOIN channel_facts AS facts ON facts.channel_id = c.channel_id AND facts.organization_id = c.organization_id
    -- What the site's file leaves out, or no longer counts, is not missed.
    WHERE c.is_listed AND NOT c.is_unsupported AND NOT coalesce(facts.is_excluded, false)
        AND coalesce((facts.counts_until + 1)::timestamp AT TIME ZONE o.timezone > now(), true)
),
site_reach AS (
    SELECT
        organization_id,
        max(reading_end) AS newest_reading_end,
        count(*) AS channels_listed,
        -- A day behind the newest of its site: the meter is silent, not the sync.
        count(*) FILTER (WHERE reading_end IS NULL OR reading_end < site_reading_end - interval '1 day')
            AS channels_silent
    FROM reach
    GROUP BY organization_id
),
described AS (
    SELECT
        organization_id,
        count(*) FILTER (WHERE reduced_since IS NOT NULL) AS channels_reduced,
        min(reduced_since) AS reduced_since,
        min(license_ends_at) AS license_ends_at
    FROM channels
    WHERE is_listed
    GROUP BY organization_id
)
SELECT
    o.organization_id AS site_id,
    o.name AS site_name,
    o.data_source,
    (
        SELECT max(l.finished_at) FROM ingestion_logs AS l WHERE l.organization_id = o.organization_id
    ) AS last_attempt_at,
    (
        SELECT max(l.finished_at) FROM ingestion_logs AS l
        WHERE l.organization_id = o.organization_id AND l.status = 'done' AND l.channel_id <> 0
    ) AS last_success_at,
    site_reach.newest_reading_end,
    coalesce(site_reach.channels_listed, 0) AS channels_listed,
    coalesce(site_reach.channels_silent, 0) AS channels_silent,
    coalesce(latest_run.attempts_failed, 0) AS attempts_failed,
    latest_run.error AS latest_error,
    coalesce(latest_run.readings_filled, 0) AS readings_filled,
    coalesce(described.channels_reduced, 0) AS channels_reduced,
    described.reduced_since,
    described.license_ends_at
FROM organizations AS o
LEFT JOIN site_reach USING (organization_id)
LEFT JOIN described ON described.organization_id = o.organization_id
-- Of the logs of years only the newest are read.
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE l.status IN ('failed', 'interrupted')) AS attempts_failed,
        (array_agg(l.error ORDER BY l.log_id DESC) FILTER (WHERE l.status IN ('failed', 'interrupted')))[1] AS error,
        sum(l.filled) AS readings_filled
    FROM ingestion_logs AS l
    WHERE l.organization_id = o.organization_id
        AND l.run_id = (SELECT max(last.run_id) FROM ingestion_logs AS last WHERE last.organization_id = o.organization_id)
) AS latest_run ON true;

COMMENT ON VIEW v_ingestion_health IS 'How well each site is being fetched.';
COMMENT ON COLUMN v_ingestion_health.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_ingestion_health.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_ingestion_health.data_source IS 'Where its readings come from.';
COMMENT ON COLUMN v_ingestion_health.last_attempt_at IS 'When the newest attempt ended, UTC; null when there was none.';
COMMENT ON COLUMN v_ingestion_health.last_success_at IS 'When the service last answered for a channel, UTC.';
COMMENT ON COLUMN v_ingestion_health.newest_reading_end IS 'End of the newest interval of any channel, UTC.';
COMMENT ON COLUMN v_ingestion_health.channels_listed IS 'Channels that the service lists and serves.';
COMMENT ON COLUMN v_ingestion_health.channels_silent IS 'Of these, how many end a day or more before the newest of the site, or never began.';
COMMENT ON COLUMN v_ingestion_health.attempts_failed IS 'Attempts of the latest run that failed or were broken off.';
COMMENT ON COLUMN v_ingestion_health.latest_error IS 'What the last of these said, without secrets.';
COMMENT ON COLUMN v_ingestion_health.readings_filled IS 'Stored readings that got a value they lacked from the latest run.';
COMMENT ON COLUMN v_ingestion_health.channels_reduced IS 'Channels for which the service answers fewer fields than it was asked for, or than it had.';
COMMENT ON COLUMN v_ingestion_health.reduced_since IS 'Since when the first of them does, UTC; null when none does.';
COMMENT ON COLUMN v_ingestion_health.license_ends_at IS 'When the first license of its channels ends, UTC; null where none is set.';
