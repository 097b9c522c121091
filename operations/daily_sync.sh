#!/usr/bin/env bash
# Bring the database up to date: ingest the last days, fetch what is missing of the days before, refresh the views,
# validate, bring the portal up to date, and tell what is wrong. What the schedule runs for each site on its local
# morning (run_schedule.sh).
#
#   bash operations/daily_sync.sh [--site N]... [--days N] [--gap-budget REQUESTS]
#                                        (default: all active sites, 2 days, 300 requests a site for what is missing)
#
# The active sites are those that operations/list_sites.py lists. Two days, so that readings which reached the service
# late are fetched too. Every step runs even if one before it failed: what did arrive has to be fresh, and validation is
# what opens the circuit breaker. One failing site does not stop the others, and missing weather fails nothing. A step
# that takes longer than STEP_MAX_SECONDS (14400) is stopped.
#
# Logs to logs/daily_sync.log, and to the terminal where there is one. One sync runs at a time; a second one leaves with
# exit code 1. Otherwise the exit code is that of the worst step: 1 (failed) before 2 (bad arguments) before 3 (ran, and
# data are held back: the log says why) before 0.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

sites=()
days=2
gap_budget=300
while [ $# -gt 0 ]; do
  case "$1" in
    --site) site="$(positive_number "$@")"; sites+=("$site"); shift 2 ;;
    --days) days="$(positive_number "$@")"; shift 2 ;;
    --gap-budget) gap_budget="$(positive_number "$@")"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done

only_site="" # the one that this sync is for, where one was named
[ ${#sites[@]} -ne 1 ] || only_site="${sites[0]}"

begin_scheduled_run daily_sync

worst=0
step() { # SCRIPT ARGS...
  local code=0
  run_step "$@" || code=$?
  worst="$(worse_code "$worst" "$code")"
}

sites_or_listed || worst="$EXIT_FAILED"
for site in ${sites[@]+"${sites[@]}"}; do
  step ingest/ingest_to_postgres.py --site "$site" --days "$days"
  # The ledger first says what is missing, and afterwards what became of it.
  step govern/update_gaps.py --site "$site"
  step ingest/backfill_gaps.py --site "$site" --budget "$gap_budget"
  step govern/update_gaps.py --site "$site"
done
step govern/refresh_views.py
for site in ${sites[@]+"${sites[@]}"}; do
  step govern/validate_data.py --site "$site"
done
# The weather helps the analyses and is no condition of anything: how it went is logged, and does not count.
for site in ${sites[@]+"${sites[@]}"}; do
  run_step ingest/ingest_weather.py --site "$site" || true
done
# So does the portal, which shows what state each site is in.
published=()
for site in ${sites[@]+"${sites[@]}"}; do published+=(--site "$site"); done
[ ${#published[@]} -eq 0 ] || run_step deliver/publish_portal.py "${published[@]}" || true
# So does what is told of new findings: of a site that is held back nothing is, and the weekly report has it all.
for site in ${sites[@]+"${sites[@]}"}; do
  run_step deliver/tell_findings.py --site "$site" || true
done

# Last, for they tell how the others ended. The heartbeat says that the sync ran, so a failed one leaves it out.
sync_code="$worst"
concerned=()
[ -z "$only_site" ] || concerned=(--site "$only_site")
step operations/send_alerts.py --sync-exit-code "$sync_code" ${concerned[@]+"${concerned[@]}"}
case "$sync_code" in
  0 | "$EXIT_BREAKER_OPEN") step operations/ping_heartbeat.py ;;
esac

end_scheduled_run "$worst"
