-- The site has channels, and at least one energy reading in the look-back.
-- Hint: run the ingest; if it brings nothing, check the account and the devices with the vendor.
SELECT format('no energy reading since %%s', to_char(%(lookback_start)s::timestamptz, 'YYYY-MM-DD')) AS finding
WHERE NOT EXISTS (
    SELECT FROM channels AS c
    JOIN readings AS r USING (channel_id)
    WHERE c.organization_id = %(site_id)s
        AND r.timestamp >= %(lookback_start)s
        AND r.energy_kwh IS NOT NULL
)
