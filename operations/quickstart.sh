#!/usr/bin/env bash
# From nothing to a weekly report (JSON, page and PDF): set up, fetch readings, refresh the views, validate, report.
#
#   bash operations/quickstart.sh [--site N] [--days N]        (default: site 23271, 90 days)
#
# With DATABASE_URL in .env it uses that database, else an embedded PostgreSQL (data/postgres). With Eniscope
# credentials it fetches real readings, else it starts a sandbox, a stand-in for the Eniscope service on this machine,
# whose readings are invented. In the embedded server the two have databases of their own, "energy" and
# "energy_sandbox"; no site takes both.
#
# Running it again is safe and quick: what is already stored is not stored twice. Sandbox and embedded server are
# stopped at the end. Exit codes: 0 done, 1 failed, 2 bad arguments, 3 no report: the last line says why.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

SANDBOX_START_TIMEOUT_S=60
SANDBOX_TIMEZONE="America/New_York" # of the sandbox's site
PLANTED_WEEKS="$PROJECT_ROOT/data/sandbox/planted_weeks"
SANDBOX_LOG="$PROJECT_ROOT/logs/sandbox.log"
QUICKSTART_LOG="$PROJECT_ROOT/logs/quickstart.log"

site="$DEFAULT_SITE"
days=90
while [ $# -gt 0 ]; do
  case "$1" in
    --site) site="$(positive_number "$@")"; shift 2 ;;
    --days) days="$(positive_number "$@")"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done

work=""
sandbox_pid=""
has_started_server=""

cleanup() {
  # A second Ctrl-C must not cut the clearing up short.
  trap '' INT TERM HUP
  if [ -n "$sandbox_pid" ]; then
    kill "$sandbox_pid" 2>/dev/null || true
    wait "$sandbox_pid" 2>/dev/null || true
  fi
  [ -z "$has_started_server" ] || run operations/embedded_postgres.py stop || true
  [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

announce() { # STEP
  printf '==> %s\n' "$1"
}

run() { # SCRIPT ARGS...
  local script="$PROJECT_ROOT/$1"
  shift
  "$PYTHON" "$script" "$@" </dev/null
}

# With the sandbox everything takes seconds, and the log line of each page fetched would bury the results: those go to a
# file. The real service takes minutes, during which the log lines and the progress bar are welcome. Errors go to the file
# in either case, for the reason of an exit code 3.
run_stage() { # SCRIPT ARGS...
  if [ -n "$sandbox_pid" ]; then
    { run "$@" 2>&1 >&3 | LOG="$QUICKSTART_LOG" awk '{ print >>ENVIRON["LOG"] } !/Z INFO /' >&2; } 3>&1
  elif [ "${1%%/*}" = ingest ]; then
    run "$@" # to the terminal itself, which the progress bar is for
  else
    { run "$@" 2>&1 >&3 | tee -a "$QUICKSTART_LOG" >&2; } 3>&1
  fi
}

step() { # TITLE SCRIPT ARGS...: runs the script and says how long it took; ends here unless it ends well
  local title="$1" code=0 began=$SECONDS written reason
  shift
  written="$(wc -c <"$QUICKSTART_LOG")"
  announce "$title"
  run_stage "$@" || code=$?
  case "$code" in
    0) echo "    ($((SECONDS - began)) s)" ;;
    "$EXIT_BREAKER_OPEN")
      reason="$(reason_of "$QUICKSTART_LOG" "$written")"
      fail "${reason:-held back; see the lines above}" "$code"
      ;;
    "$EXIT_USAGE") fail "stopped at: $title (bad arguments); mend what is said above" "$code" ;;
    *) fail "stopped at: $title (exit code $code); see above, mend it, and run again" ;;
  esac
}

start_embedded_server() { # DATABASE: sets DATABASE_URL for the steps
  announce "Start the embedded PostgreSQL, database $1"
  if ! run operations/embedded_postgres.py status >/dev/null; then
    has_started_server=1
  fi
  DATABASE_URL="$(run operations/embedded_postgres.py start --database "$1")"
  export DATABASE_URL
}

# The sandbox plants its findings in these weeks. Each week, once planted, stays in the list, so that the sandbox tells
# the same past in every run; otherwise stored readings and the sandbox's would contradict each other.
plant_last_week() {
  local monday mondays
  mondays="$(PYTHONPATH="$PROJECT_ROOT" "$PYTHON" -c '
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
from lib.date_utils import last_complete_week, reportable_until
now = datetime.now(UTC)
for moment in (reportable_until(now, None), now):
    print(last_complete_week(moment, ZoneInfo(sys.argv[1]))[0])
' "$SANDBOX_TIMEZONE")"
  mkdir -p "$(dirname "$PLANTED_WEEKS")"
  for monday in $mondays; do # in the first minutes of a week the report may be on either
    grep -qxF "$monday" "$PLANTED_WEEKS" 2>/dev/null || echo "$monday" >>"$PLANTED_WEEKS"
  done
}

start_sandbox() { # exports the sandbox's address and credentials for the steps
  local week arguments waited_until
  announce "Start the sandbox, a stand-in for the Eniscope service"
  plant_last_week
  arguments=(--port 0 --url-file "$work/url" --with-parent)
  while read -r week; do
    arguments+=(--planted-week "$week")
  done <"$PLANTED_WEEKS"
  # Without the lock's descriptor, so that no lock outlives this script, whatever becomes of the sandbox.
  "$PYTHON" "$PROJECT_ROOT/operations/sandbox/eniscope_sandbox.py" "${arguments[@]}" \
    </dev/null >"$SANDBOX_LOG" 2>&1 9>&- &
  sandbox_pid=$!
  waited_until=$((SECONDS + SANDBOX_START_TIMEOUT_S))
  until [ -s "$work/url" ]; do
    if ! kill -0 "$sandbox_pid" 2>/dev/null || [ "$SECONDS" -ge "$waited_until" ]; then
      tail -n 5 "$SANDBOX_LOG" >&2
      fail "the sandbox did not start; see $SANDBOX_LOG"
    fi
    sleep 0.1
  done
  VITE_ENISCOPE_API_URL="$(cat "$work/url")"
  export VITE_ENISCOPE_API_URL
  export VITE_ENISCOPE_API_KEY="sandbox-key"
  export VITE_ENISCOPE_EMAIL="sandbox@example.com"
  export VITE_ENISCOPE_PASSWORD="sandbox-password"
  export ENISCOPE_REQUESTS_PER_SECOND=0 # a server of one's own needs no pacing
}

say_what_next() {
  announce "Done in $SECONDS s"
  if [ -n "$sandbox_pid" ]; then
    echo "The readings are the sandbox's: invented, none was measured. Log: logs/quickstart.log"
  fi
  if [ -n "$embedded_database" ]; then
    cat <<TEXT
To look further, start the database again, and stop it when done:
  export DATABASE_URL="\$(bash operations/with_venv.sh operations/embedded_postgres.py start --database $embedded_database)"
  bash operations/with_venv.sh govern/check_database.py
  bash operations/with_venv.sh operations/embedded_postgres.py stop
TEXT
  fi
  if [ ! -e "$PROJECT_ROOT/config/sites/$site.toml" ]; then
    cat <<TEXT
What the service does not know of the site (opening hours, what is part of what, prices) goes into config/sites/$site.toml.
With the database running, this proposes that file from the readings (docs/guides/onboarding.md):
  bash operations/with_venv.sh operations/onboard_site.py --site $site
TEXT
  fi
}

announce "Check the virtual environment"
ensure_venv
mkdir -p "$PROJECT_ROOT/data" "$PROJECT_ROOT/logs"
hold_lock "$PROJECT_ROOT/data/.quickstart.lock" || fail "another quickstart is running in this folder; wait for it to end"
work="$(mktemp -d)"
: >"$QUICKSTART_LOG"

run operations/show_settings.py >/dev/null # stops here when .env cannot be read
credentials_code=0
run operations/show_settings.py --has credentials || credentials_code=$?
[ "$credentials_code" -lt "$EXIT_USAGE" ] || fail "the Eniscope credentials are incomplete; fill in what is named above, or take all of them out of .env" "$credentials_code"
embedded_database=energy
if [ "$credentials_code" -ne 0 ]; then
  embedded_database=energy_sandbox
  echo "    No Eniscope credentials are set: the readings will be the sandbox's, which are invented."
fi
if run operations/show_settings.py --has database; then
  embedded_database=""
fi
[ -z "$embedded_database" ] || start_embedded_server "$embedded_database"
[ "$credentials_code" -eq 0 ] || start_sandbox

step "Set up the database" govern/setup_database.py
step "Ingest $days days of site $site" ingest/ingest_to_postgres.py --site "$site" --days "$days"
step "Look for gaps" govern/update_gaps.py --site "$site"
step "Refresh the views" govern/refresh_views.py
step "Validate" govern/validate_data.py --site "$site"
step "Write the weekly report" deliver/generate_weekly_report.py --site "$site" --html --pdf
step "Record it" govern/record_report.py "$PROJECT_ROOT/reports/weekly_report_${site}_"*.json
announce "Publish the portal: open its index.html"
# A folder that holds the portal of another database is left to that one.
run_stage deliver/publish_portal.py --site "$site" || echo "    The portal was not published; see above."
say_what_next
