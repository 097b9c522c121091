#!/usr/bin/env bash
# Bring the database up to date: ingest the last days, refresh the views, validate. What cron runs every morning.
#
#   bash operations/daily_sync.sh [--site N]... [--days N]        (default: site 23271, 2 days)
#
# Two days, so that readings which reached the service late are fetched too. Every step runs even if one before it
# failed: what did arrive has to be fresh, and validation is what opens the circuit breaker.
#
# Logs to logs/daily_sync.log, and to the terminal where there is one. One sync runs at a time; a second one leaves with
# exit code 1. Otherwise the exit code is that of the worst step: 1 (failed) before 2 (bad arguments) before 3 (ran, and
# the circuit breaker is open) before 0.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

sites=()
days=2
while [ $# -gt 0 ]; do
  case "$1" in
    --site) site="$(positive_number "$@")"; sites+=("$site"); shift 2 ;;
    --days) days="$(positive_number "$@")"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done
[ ${#sites[@]} -gt 0 ] || sites=("$DEFAULT_SITE")

begin_scheduled_run daily_sync

worst=0
step() { # SCRIPT ARGS...
  local code=0
  run_step "$@" || code=$?
  worst="$(worse_code "$worst" "$code")"
}

for site in "${sites[@]}"; do
  step ingest/ingest_to_postgres.py --site "$site" --days "$days"
done
step govern/refresh_views.py
for site in "${sites[@]}"; do
  step govern/validate_data.py --site "$site"
done

end_scheduled_run "$worst"
