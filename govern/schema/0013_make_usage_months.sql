-- Whoever refreshes needs months of hourly use and no others: the function that makes months of any table is the
-- owner's alone where there are roles, and the readings' months stay with those that load them.
CREATE FUNCTION ensure_usage_partitions(first_moment timestamptz, last_moment timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT ensure_month_partitions('mv_hourly_usage', first_moment, last_moment)
$$;
COMMENT ON FUNCTION ensure_usage_partitions IS 'Makes the monthly partitions of mv_hourly_usage between two moments; returns how many were new.';

-- A site's file may set limits of checks for the site (config/sites/<id>.toml).
ALTER TABLE validation_runs ADD COLUMN site_limits jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN validation_runs.limits IS 'The limits in force, the site''s own among them.';
COMMENT ON COLUMN validation_runs.site_limits IS 'Those of the limits that the site''s file sets, as name and {"value", "default"}; empty for none.';
