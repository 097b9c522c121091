-- The last verdict of each local day on which the site was validated, newest last.
SELECT DISTINCT ON (local_date)
    (v.started_at AT TIME ZONE s.timezone)::date AS local_date,
    v.verdict,
    v.reach,
    (SELECT count(*) FROM validation_results AS r
     WHERE r.validation_run_id = v.validation_run_id AND NOT r.is_passed) AS failed_count,
    (SELECT count(*) FROM channel_quarantines AS q WHERE q.validation_run_id = v.validation_run_id) AS quarantined_count
FROM validation_runs AS v
JOIN v_sites AS s ON s.site_id = v.organization_id
WHERE v.organization_id = %(site_id)s AND v.started_at >= %(since)s
ORDER BY local_date, v.validation_run_id DESC
