-- A channel that moves to another site leaves its history where it was measured: each reading carries the site for which
-- it was fetched, Layer 2 and the ledgers do too, and membership has dates.
--
-- The column is organization_id in Layer 1, as everywhere beside channel_id, and site_id in Layer 2, beside meter_id.
-- What stands is given the site that its channel has now, or 0 where its channel was never registered. Each table is
-- rewritten once, partition by partition, within this transaction: an UPDATE would leave every row twice.
--
-- A spread over several machines by site needs the site in every unique key. Those of Layer 2, of usage_state, of
-- channel_facts and of reading_gap_scans have it from here on. Still to do there: the keys of readings (with an INSERT …
-- ON CONFLICT DO NOTHING that names no key, it serves either), of reading_gaps, reading_revisions, rejected_readings and
-- ingestion_logs; and a column for reading_marks and usage_queue, which no query asks by site.

CREATE TABLE channel_sites (
    channel_id      bigint NOT NULL,
    organization_id bigint NOT NULL,
    member_from     timestamptz NOT NULL DEFAULT '-infinity',
    member_until    timestamptz NOT NULL DEFAULT 'infinity' CHECK (member_until >= member_from),
    away            tstzmultirange NOT NULL DEFAULT '{}',
    name            text,
    installed_at    timestamptz,
    uninstalled_at  timestamptz,
    PRIMARY KEY (channel_id, organization_id)
);
CREATE INDEX channel_sites_by_organization ON channel_sites (organization_id);
COMMENT ON TABLE channel_sites IS 'Which site a channel belongs or belonged to, and when: one row per channel and site. The stays of one channel never overlap.';
COMMENT ON COLUMN channel_sites.channel_id IS 'Channel.';
COMMENT ON COLUMN channel_sites.organization_id IS 'Site.';
COMMENT ON COLUMN channel_sites.member_from IS 'Since when it belongs to the site, UTC; -infinity where it was never known at another.';
COMMENT ON COLUMN channel_sites.member_until IS 'Until when it belonged to the site, UTC, exclusive: how far it was asked for there; infinity while it does.';
COMMENT ON COLUMN channel_sites.away IS 'Of a channel that came back: when it was elsewhere in between.';
COMMENT ON COLUMN channel_sites.name IS 'Its name when it left; null while it belongs to the site (channels.name).';
COMMENT ON COLUMN channel_sites.installed_at IS 'When it had been installed when it left; null while it belongs to the site (channels.installed_at).';
COMMENT ON COLUMN channel_sites.uninstalled_at IS 'When it had been removed when it left; null while it belongs to the site (channels.uninstalled_at).';
INSERT INTO channel_sites (channel_id, organization_id) SELECT channel_id, organization_id FROM channels;
COMMENT ON COLUMN channels.organization_id IS 'Site the channel belongs to now; where it was before is in channel_sites.';

-- A rewrite takes no subquery, but it takes a function.
CREATE FUNCTION pg_temp.site_of(channel bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT c.organization_id FROM public.channels AS c WHERE c.channel_id = channel), 0);
END
$$;

ALTER TABLE readings ADD COLUMN organization_id bigint;
ALTER TABLE readings
    ALTER COLUMN organization_id TYPE bigint USING pg_temp.site_of(channel_id),
    ALTER COLUMN organization_id SET NOT NULL;
COMMENT ON COLUMN readings.organization_id IS 'Site for which it was fetched; it stays when the channel moves. 0 where its channel was not registered.';

ALTER TABLE mv_hourly_usage ADD COLUMN site_id bigint;
ALTER TABLE mv_hourly_usage
    DROP CONSTRAINT mv_hourly_usage_pkey,
    ALTER COLUMN site_id TYPE bigint USING pg_temp.site_of(meter_id),
    ADD PRIMARY KEY (meter_id, hour, site_id);
COMMENT ON TABLE mv_hourly_usage IS 'Use per meter, site and UTC hour; kept by govern/refresh_views.py.';
COMMENT ON COLUMN mv_hourly_usage.site_id IS 'Site whose readings these are.';

ALTER TABLE mv_daily_usage ADD COLUMN site_id bigint;
ALTER TABLE mv_daily_usage
    DROP CONSTRAINT mv_daily_usage_pkey,
    ALTER COLUMN site_id TYPE bigint USING pg_temp.site_of(meter_id),
    ADD PRIMARY KEY (meter_id, local_date, site_id);
COMMENT ON TABLE mv_daily_usage IS 'Use per meter, site and local day; kept by govern/refresh_views.py.';
COMMENT ON COLUMN mv_daily_usage.site_id IS 'Site whose readings these are, and whose calendar the day is of.';

ALTER TABLE usage_state ADD COLUMN organization_id bigint;
ALTER TABLE usage_state
    DROP CONSTRAINT usage_state_pkey,
    ALTER COLUMN organization_id TYPE bigint USING pg_temp.site_of(channel_id),
    ADD PRIMARY KEY (channel_id, organization_id);
COMMENT ON TABLE usage_state IS 'Channels that Layer 2 holds, by site, and how their days were cut.';
COMMENT ON COLUMN usage_state.organization_id IS 'Site whose readings these are.';

ALTER TABLE reading_gap_scans ADD COLUMN organization_id bigint;
ALTER TABLE reading_gap_scans
    DROP CONSTRAINT reading_gap_scans_pkey,
    ALTER COLUMN organization_id TYPE bigint USING pg_temp.site_of(channel_id),
    ADD PRIMARY KEY (channel_id, organization_id);
COMMENT ON TABLE reading_gap_scans IS 'How far the gap ledger has looked, one row per channel and site, so that the next look is at what changed only.';
COMMENT ON COLUMN reading_gap_scans.organization_id IS 'Site.';

ALTER TABLE reading_gaps ADD COLUMN organization_id bigint;
ALTER TABLE reading_gaps
    ALTER COLUMN organization_id TYPE bigint USING pg_temp.site_of(channel_id),
    ALTER COLUMN organization_id SET NOT NULL;
COMMENT ON COLUMN reading_gaps.organization_id IS 'Site at which they are missing.';

ALTER TABLE reading_revisions ADD COLUMN organization_id bigint;
ALTER TABLE reading_revisions
    ALTER COLUMN organization_id TYPE bigint USING pg_temp.site_of(channel_id),
    ALTER COLUMN organization_id SET NOT NULL;
COMMENT ON COLUMN reading_revisions.organization_id IS 'Site of the reading.';

ALTER TABLE rejected_readings ADD COLUMN organization_id bigint;
ALTER TABLE rejected_readings
    ALTER COLUMN organization_id TYPE bigint USING pg_temp.site_of(channel_id),
    ALTER COLUMN organization_id SET NOT NULL;
COMMENT ON COLUMN rejected_readings.organization_id IS 'Site for which it came first.';

DROP FUNCTION pg_temp.site_of(bigint);

-- A channel that moved is described by the files of both sites.
ALTER TABLE channel_facts DROP CONSTRAINT channel_facts_pkey, ADD PRIMARY KEY (channel_id, organization_id);
COMMENT ON TABLE channel_facts IS 'What the site''s file says of a channel while it belongs to the site; no row where it says nothing.';

-- As in 0016; the site of a reading is not filled either.
CREATE OR REPLACE FUNCTION fill_readings(
    channel bigint, columns text[], moments timestamptz[], offered double precision[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    assignments text;
    conditions text;
    filled integer;
BEGIN
    IF columns && ARRAY['channel_id', 'organization_id', 'timestamp', 'interval_s', 'ingest_run_id'] THEN
        RAISE EXCEPTION 'a reading''s place, length and run are not filled'
            USING ERRCODE = 'insufficient_privilege', HINT = 'give columns of values only';
    END IF;
    SELECT
        string_agg(format('%1$I = coalesce(r.%1$I, nullif($3[o.n][%2$s], ''NaN''))', name, place), ', '),
        string_agg(format('r.%1$I IS NULL AND $3[o.n][%2$s] <> ''NaN''', name, place), ' OR ')
    INTO assignments, conditions
    FROM unnest(columns) WITH ORDINALITY AS u (name, place);
    -- The bounds keep other months' partitions out.
    EXECUTE format(
        'UPDATE readings AS r SET %s FROM unnest($2) WITH ORDINALITY AS o (moment, n)'
        ' WHERE r.channel_id = $1 AND r.timestamp = o.moment AND r.timestamp BETWEEN $4 AND $5 AND (%s)',
        assignments, conditions
    ) USING channel, moments, offered,
        (SELECT min(m) FROM unnest(moments) AS m), (SELECT max(m) FROM unnest(moments) AS m);
    GET DIAGNOSTICS filled = ROW_COUNT;
    RETURN filled;
END
$$;
