-- Grain: one row per site. Units: degrees.
-- Time zone: none; timezone names the site's.
CREATE VIEW v_sites AS
SELECT
    organization_id AS site_id,
    name AS site_name,
    timezone,
    address,
    city,
    state,
    post_code,
    country,
    currency_code,
    currency_symbol,
    latitude,
    longitude,
    data_source
FROM organizations;

COMMENT ON VIEW v_sites IS 'Sites.';
COMMENT ON COLUMN v_sites.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_sites.site_name IS 'Name of the site; text from outside.';
COMMENT ON COLUMN v_sites.timezone IS 'IANA time zone of the site.';
COMMENT ON COLUMN v_sites.address IS 'Street address.';
COMMENT ON COLUMN v_sites.city IS 'City.';
COMMENT ON COLUMN v_sites.state IS 'State or region.';
COMMENT ON COLUMN v_sites.post_code IS 'Postal code.';
COMMENT ON COLUMN v_sites.country IS 'Country.';
COMMENT ON COLUMN v_sites.currency_code IS 'ISO 4217 code.';
COMMENT ON COLUMN v_sites.currency_symbol IS 'Symbol to show beside amounts.';
COMMENT ON COLUMN v_sites.latitude IS 'Degrees north.';
COMMENT ON COLUMN v_sites.longitude IS 'Degrees east.';
COMMENT ON COLUMN v_sites.data_source IS '"eniscope", "file" for imported interval files, or "sandbox" for the stand-in.';
