-- How long a finding has not been there: what is solved comes back by a report that says so, not by its load alone.
CREATE FUNCTION next_clear_weeks(clear_weeks integer, status text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN status = 'seen' THEN 0
        WHEN status = 'blind' THEN coalesce(clear_weeks, 0)
        WHEN status = 'persists' AND coalesce(clear_weeks, 0) < 2 THEN 0
        ELSE coalesce(clear_weeks, 0) + 1
    END
$$;
COMMENT ON FUNCTION next_clear_weeks IS 'Clear weeks of a finding since it was last there, after one more week.';

CREATE AGGREGATE count_clear_weeks (text) (SFUNC = next_clear_weeks, STYPE = integer);
COMMENT ON AGGREGATE count_clear_weeks (text) IS 'Clear weeks of a finding since it was last there, over its weeks in order.';
