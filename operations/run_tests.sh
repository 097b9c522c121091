#!/usr/bin/env bash
# Run the tests in two processes, each with a PostgreSQL of its own.
#
#   bash operations/run_tests.sh [PYTEST_ARGS...]        such as  tests/test_settings.py  or  -m "not slow"
#   bash operations/run_tests.sh -n 0 [PYTEST_ARGS...]   in one process, as --pdb does too
#
# Paths in PYTEST_ARGS are relative to the project. The exit code is pytest's.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

ensure_venv requirements-dev
# No setting of the developer's own may reach a test, least of all the URL of a real database.
for name in $(compgen -e | grep -E '^(DATABASE_URL(_[A-Z]+)?|(VITE_)?ENISCOPE_.*|PG[A-Z]+)$'); do
  unset "$name"
done
# What is said later on the command line replaces these.
processes=(-n 2 --dist worksteal)
for argument in "$@"; do
  case "$argument" in
    --pdb | --trace | no:xdist | -pno:xdist) processes=() ;; # a debugger needs the terminal, and no:xdist knows no -n
  esac
done
cd "$PROJECT_ROOT"
# The odd form because bash 3.2 takes an empty array for an unset variable.
exec "$PYTHON" -m pytest ${processes[@]+"${processes[@]}"} "$@" </dev/null
