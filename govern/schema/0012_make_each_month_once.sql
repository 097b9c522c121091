-- Two loads that need the same new month at once: the second waits for the first, and must then see what it made. The
-- catalogue's cache may still say that there is nothing, so it is asked by a query, which sees all that is committed.
CREATE OR REPLACE FUNCTION ensure_month_partitions(parent text, first_moment timestamptz, last_moment timestamptz)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month_start timestamp := date_trunc('month', first_moment AT TIME ZONE 'UTC');
    partition_name text;
    made integer := 0;
BEGIN
    WHILE month_start <= last_moment AT TIME ZONE 'UTC' LOOP
        partition_name := parent || to_char(month_start, '_YYYY_MM');
        IF to_regclass(quote_ident(partition_name)) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('ensure_month_partitions'));
            PERFORM FROM pg_class WHERE relname = partition_name AND relnamespace = 'public'::regnamespace;
            IF NOT FOUND THEN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition_name, parent);
                EXECUTE format(
                    'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition_name,
                    to_char(month_start, 'YYYY-MM-DD') || ' 00:00:00+00',
                    to_char(month_start + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
                made := made + 1;
            END IF;
        END IF;
        month_start := month_start + interval '1 month';
    END LOOP;
    RETURN made;
END
$$;
