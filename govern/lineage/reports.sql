SELECT report_run_id, kind, version, period_start, period_end, generated_at, validation_run_id, is_forced,
    code_version, file_name
FROM report_runs
WHERE organization_id = %(site_id)s AND period_start <= %(moment)s AND period_end > %(moment)s
ORDER BY report_run_id DESC
