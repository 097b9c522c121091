-- A role that only ingests or refreshes may not own tables; months are made with the owner's rights, and nothing else is.
ALTER FUNCTION ensure_month_partitions(text, timestamptz, timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION ensure_reading_partitions(timestamptz, timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
