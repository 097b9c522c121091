#!/usr/bin/env bash
# Put a backup of operations/backup.sh into an empty database.
#
#   bash operations/restore.sh BACKUP.dump
#
# The database in DATABASE_URL must hold no tables yet: a restore never overwrites. All of it arrives, or nothing. After
# it, python govern/check_database.py tells whether everything is there.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

case "${1:-}" in
  "" | -h | --help)
    usage
    [ $# -gt 0 ] && exit 0 || exit "$EXIT_USAGE"
    ;;
  -*) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
esac
[ -e "$1" ] || fail "there is no file $1; give one that backup.sh wrote" "$EXIT_USAGE"
[ -f "$1" ] || fail "$1 is not a file; give one that backup.sh wrote" "$EXIT_USAGE"
[ -r "$1" ] || fail "cannot read $1; check who owns it" "$EXIT_USAGE"
[ "$(head -c 5 "$1" | tr -d '\0')" = PGDMP ] || fail "$1 is not a backup; give a file that backup.sh wrote" "$EXIT_USAGE"

ensure_venv
postgres() { # PROGRAM ARGS...
  local program="$1"
  shift
  "$PYTHON" "$PROJECT_ROOT/operations/postgres_program.py" "$program" -- "$@"
}

tables="$(postgres psql --no-psqlrc --tuples-only --no-align --command \
  "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')")" ||
  fail "the database cannot be reached; check DATABASE_URL"
[ "$tables" = 0 ] ||
  fail "the database holds $tables tables and views already; make an empty one and name it in DATABASE_URL"
postgres pg_restore --no-owner --no-privileges "$1" ||
  fail "the restore failed; see above, nothing was changed"
echo "Restored $1. Next: bash operations/with_venv.sh govern/check_database.py"
