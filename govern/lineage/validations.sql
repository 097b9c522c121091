-- The newest verdicts whose look-back holds the moment, with the checks that found something.
SELECT v.validation_run_id, v.started_at, v.verdict, v.code_version,
    nullif(v.site_limits, '{}') AS site_limits,
    (SELECT string_agg(r.check_name, ' ' ORDER BY r.check_name) FROM validation_results AS r
     WHERE r.validation_run_id = v.validation_run_id AND NOT r.is_passed) AS failed_checks
FROM validation_runs AS v
WHERE v.organization_id = %(site_id)s AND v.covers_from <= %(moment)s AND v.started_at > %(moment)s
ORDER BY v.validation_run_id DESC
LIMIT 5
