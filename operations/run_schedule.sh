#!/usr/bin/env bash
# Do what is due: each site's daily sync, and on its Monday its weekly report, at times of its own local clock. What cron
# or systemd runs every half hour (operations/setup_cron.sh, operations/setup_systemd.sh).
#
#   bash operations/run_schedule.sh [--time HH:MM] [--weekly-time HH:MM]       (default: 06:00 and Mondays 07:00)
#
# What is due and what was done is kept in the database (scheduled_jobs): nothing is done twice, even by two servers,
# and what was missed is done by the next wake: one sync, and the reports of the last four weeks. What failed or was held
# back is tried again after 1, 2, 4, 8, 16 and 24 hours, ten times in all; only the first and the last try tell cron.
#
# Logs to logs/schedule.log; the jobs to logs/daily_sync.log and logs/weekly_report.log. Where one runs already, it does
# what has become due meanwhile, and this one leaves with exit code 0. Otherwise the exit code is that of the worst job.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

times=()
while [ $# -gt 0 ]; do
  case "$1" in
    --time | --weekly-time)
      value="$(option_value "$@")"
      check_time "$1" "$value"
      times+=("$1" "$value")
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done

begin_scheduled_run schedule quiet
wake="$$-$(date +%s)"
worst=0

list_sites() { # fills synced and reported with the sites that each job is for
  sites=()
  sites_or_listed || return
  synced=(${sites[@]+"${sites[@]}"})
  sites=()
  sites_or_listed --reports || return
  reported=(${sites[@]+"${sites[@]}"})
}

next_job() { # prints the job that this run has claimed: JOB SITE DAY FIRST_DAY told|quiet
  with_time_limit "$PYTHON" "$PROJECT_ROOT/govern/claim_job.py" --wake "$wake" ${times[@]+"${times[@]}"} \
    --sync ${synced[@]+"${synced[@]}"} --report ${reported[@]+"${reported[@]}"} </dev/null 2> >(to_log)
}

do_job() { # JOB SITE FIRST_DAY
  case "$1" in
    sync) bash "$PROJECT_ROOT/operations/daily_sync.sh" --site "$2" ;;
    report) bash "$PROJECT_ROOT/operations/weekly_report.sh" --site "$2" --start "$3" ;;
  esac
}

do_all() { # does what is due until nothing is
  local job site day first_day telling code claimed
  while true; do
    claimed="$(next_job)" || return
    [ -n "$claimed" ] || return 0
    read -r job site day first_day telling <<<"$claimed"
    log_line "start: $job of site $site, $day"
    code=0
    if [ "$telling" = told ]; then
      do_job "$job" "$site" "$first_day" || code=$?
    else
      do_job "$job" "$site" "$first_day" 2>&1 | to_log || code="${PIPESTATUS[0]}"
    fi
    worst="$(worse_code "$worst" "$code")"
    # One that cannot be noted would be claimed again and again.
    run_step govern/finish_job.py --site "$site" --job "$job" --due-on "$day" --exit-code "$code" || return
  done
}

if ! { list_sites && do_all; }; then
  worst="$EXIT_FAILED"
  # Where the database cannot be reached, this says so to those who want to know, once.
  run_step operations/send_alerts.py || true
fi
if [ "$worst" -ne 0 ]; then end_scheduled_run "$worst"; fi
