#!/usr/bin/env bash
# Show the last 50 lines of the daily sync's log.
#
#   bash operations/show_logs.sh [-f]        -f: keep showing new lines until Ctrl-C

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

log="$PROJECT_ROOT/logs/daily_sync.log"
follow=""
case "${1:-}" in
  "") ;;
  -f) follow="-f" ;;
  -h | --help)
    usage
    exit 0
    ;;
  *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
esac
if [ ! -f "$log" ]; then
  echo "There is no log yet: the daily sync has not run (bash operations/daily_sync.sh)."
  exit 0
fi
exec tail -n 50 ${follow:+"$follow"} "$log"
