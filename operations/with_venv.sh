#!/usr/bin/env bash
# Run one of the project's scripts with the project's Python, from any folder.
#
#   bash operations/with_venv.sh SCRIPT [ARGS...]
#
# SCRIPT is relative to the project, such as ingest/ingest_to_postgres.py. Files named in ARGS are relative to the
# present folder. Uses .venv where there is one, and else the Python 3.11 or newer on the PATH.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

case "${1:-}" in
  "" | -h | --help)
    usage
    [ $# -gt 0 ] && exit 0 || exit "$EXIT_USAGE"
    ;;
esac
script="$PROJECT_ROOT/$1"
[ -f "$script" ] || fail "there is no script $1 in $PROJECT_ROOT; see docs/reference/commands.md" "$EXIT_USAGE"
if "$VENV_PYTHON" -c '' 2>/dev/null; then
  PYTHON="$VENV_PYTHON"
else
  find_python
  "$PYTHON" -c 'import psycopg2, requests, dotenv' 2>/dev/null ||
    fail "the packages of requirements.txt are not installed; run: bash operations/quickstart.sh"
fi
shift
exec "$PYTHON" "$script" "$@"
