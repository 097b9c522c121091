-- Where a channel brought power, it brought energy too.
-- Scope: channel
-- Limit: max_power_only_pct = 1 (of its intervals: less than a quarter of an hour a day)
-- Hint: reports take the energy of these intervals from the power. Energy that comes later fills them: every ingest of
--   their days asks for it (python ingest/ingest_to_postgres.py --site ID --days 90). If it stays away, ask the vendor
--   why the channel has no E.
-- Hint for files: reports take the energy of these intervals from the power; import a file that has their energy.
SELECT
    channel_id,
    power_only AS found,
    format('%%s of %%s intervals have power and no energy, from %%s to %%s', power_only, with_power, utc_text(first_at),
        utc_text(last_at)) AS finding,
    jsonb_build_array(jsonb_build_object('first', utc_text(first_at), 'last', utc_text(last_at))) AS examples
FROM (
    SELECT
        r.channel_id,
        count(*) AS with_power,
        count(*) FILTER (WHERE r.energy_kwh IS NULL) AS power_only,
        min(r.timestamp) FILTER (WHERE r.energy_kwh IS NULL) AS first_at,
        max(r.timestamp) FILTER (WHERE r.energy_kwh IS NULL) AS last_at
    FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.power_kw IS NOT NULL
    GROUP BY r.channel_id
) AS counted
WHERE 100 * power_only > %(max_power_only_pct)s * with_power
ORDER BY channel_id
