#!/usr/bin/env bash
# Check the code without running it: lint, format and types.
#
#   bash operations/check.sh
#
# Every check runs, whatever the others found. Exit codes: 0 nothing found, 1 something to mend, 2 bad arguments.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

case "${1:-}" in
  "") ;;
  -h | --help) usage; exit 0 ;;
  *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
esac

code=0
run_check() { # MODULE ARGS...
  printf '==> %s\n' "$*"
  "$PYTHON" -m "$@" </dev/null || code="$EXIT_FAILED"
}

ensure_venv requirements-dev
cd "$PROJECT_ROOT"
run_check ruff check
run_check ruff format --check
run_check mypy
exit "$code"
