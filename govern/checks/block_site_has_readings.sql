-- The site has channels, and at least one reading of energy or power in the look-back.
-- Scope: site
-- Hint: run the ingest; if it brings nothing, check the account and the devices with the vendor.
-- Hint for files: import a file (python ingest/import_csv.py), and look into FILE.rejects.csv.
SELECT
    NULL::bigint AS channel_id,
    1 AS found,
    format('no reading of energy or power since %%s', utc_text(%(lookback_start)s::timestamptz)) AS finding,
    NULL::jsonb AS examples
WHERE NOT EXISTS (
    SELECT FROM channel_sites AS m
    JOIN readings AS r USING (channel_id, organization_id)
    WHERE m.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND (r.energy_kwh IS NOT NULL OR r.power_kw IS NOT NULL)
)
