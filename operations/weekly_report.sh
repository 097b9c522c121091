#!/usr/bin/env bash
# Make the report of the last week that can have been ingested to its end: refresh the views, validate, write the report into reports/ as JSON, page
# and PDF, and the summary of the last whole month, bring the portal up to date, and send the week's report to the
# recipients that the site's file names.
#
#   bash operations/weekly_report.sh [--site N]... [--start MONDAY]
#                                                         (default: all active sites, those from files included)
#
# --start names the week by its first day; it is that one or none, and it is sent even where a later one exists.
# A site whose data are held back (checks failed, the week is not fully ingested yet, …) gets no report (exit code 3; log
# and mail say why), unless a person decided otherwise (govern/override_breaker.py); the others get theirs.
# A daily sync that is at work is waited for, up to STEP_MAX_SECONDS (14400).
# Logs to logs/weekly_report.log, and to the terminal where there is one. The exit code is that of the worst step:
# 1 (failed) before 2 (bad arguments) before 3 before 0.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

sites=()
week=()
first_day="" # of the week, where one is named
while [ $# -gt 0 ]; do
  case "$1" in
    --site) site="$(positive_number "$@")"; sites+=("$site"); shift 2 ;;
    --start) first_day="$(option_value "$@")"; week=(--start "$first_day"); shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done

begin_scheduled_run weekly_report
wait_for_sync

report_site() { # SITE: stops at the first step that does not end well
  local code=0
  run_step govern/validate_data.py --site "$1" || code=$?
  # Held back or not, the report asks the breaker itself: a decision may be stored that lets it pass.
  [ "$code" -eq 0 ] || [ "$code" -eq "$EXIT_BREAKER_OPEN" ] || return "$code"
  code=0
  run_step deliver/generate_weekly_report.py --site "$1" ${week[@]+"${week[@]}"} --html --pdf || return
  # Where the site's file has the customer's report mailed.
  run_step deliver/generate_customer_report.py --site "$1" ${week[@]+"${week[@]}"} --where-mailed --pdf || code=$?
  # One that is not recorded is no worse, and is recorded by the next run: it goes out all the same.
  run_step govern/record_report.py "$PROJECT_ROOT/reports/weekly_report_$1_$first_day"*.json || code=$?
  # The last whole month too, for the portal. A site that has none yet fails nothing.
  if run_step deliver/generate_monthly_summary.py --site "$1" --html; then
    run_step govern/record_report.py "$PROJECT_ROOT/reports/monthly_summary_$1_"*.json || true
  fi
  # Before the mail, which leads there.
  run_step deliver/publish_portal.py --site "$1" || code="$(worse_code "$code" "$?")"
  # Another server may have mailed it before it died: then it is mailed to nobody, and the log says so.
  [ -z "$first_day" ] || run_step govern/note_mailing.py --site "$1" --start "$first_day" || return
  run_step deliver/send_report.py --site "$1" ${week[@]+"${week[@]}"} || code="$(worse_code "$code" "$?")"
  return "$code"
}

worst=0
sites_or_listed --reports || worst=$?
[ "$worst" -ne 0 ] || run_step govern/refresh_views.py || worst=$?
if [ "$worst" -eq 0 ]; then
  for site in ${sites[@]+"${sites[@]}"}; do
    code=0
    report_site "$site" || code=$?
    worst="$(worse_code "$worst" "$code")"
  done
fi

end_scheduled_run "$worst"
