#!/usr/bin/env bash
# Run the tests, with a PostgreSQL of their own.
#
#   bash operations/run_tests.sh [PYTEST_ARGS...]        such as  tests/test_settings.py  or  -m "not slow"
#
# Paths in PYTEST_ARGS are relative to the project. The exit code is pytest's.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

ensure_venv requirements-dev
# No setting of the developer's own may reach a test, least of all the URL of a real database.
for name in $(compgen -e | grep -E '^(DATABASE_URL(_[A-Z]+)?|(VITE_)?ENISCOPE_.*|PG[A-Z]+)$'); do
  unset "$name"
done
cd "$PROJECT_ROOT"
exec "$PYTHON" -m pytest "$@" </dev/null
