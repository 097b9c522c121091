-- The interval that holds the moment, with the columns that have a value.
SELECT r.*
FROM readings AS r
WHERE r.channel_id = %(channel_id)s AND r.timestamp <= %(moment)s
    AND r.timestamp > %(moment)s - interval '1 day'
    AND r.timestamp + r.interval_s * interval '1 second' > %(moment)s
