#!/usr/bin/env bash
# Back the database up into one compressed file, whole or not at all.
#
#   bash operations/backup.sh [--out DIR] [--keep N]        (default: backups/ in the project, 14 files)
#
# The file is pg_dump's custom format, of the database in DATABASE_URL; after a backup that succeeded, older ones beyond
# N are removed. It takes a pg_dump that is not older than the server. With Neon use the direct host, not the pooled one.
# To put a backup back: operations/restore.sh.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder="$PROJECT_ROOT/backups"
keep=14
while [ $# -gt 0 ]; do
  case "$1" in
    --out) folder="$(option_value "$@")"; shift 2 ;;
    --keep) keep="$(positive_number "$@")"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done

ensure_venv
mkdir -p "$folder" || fail "cannot make $folder; choose another --out"
name="energy-$(date -u +%Y%m%dT%H%M%SZ).dump"
partial="$folder/.$name.partial"
trap 'rm -f "$partial"' EXIT
"$PYTHON" "$PROJECT_ROOT/operations/postgres_program.py" pg_dump -- \
  --format=custom --no-owner --no-privileges --file="$partial" ||
  fail "the backup failed; see above, nothing was written"
mv "$partial" "$folder/$name"
printf '%s\n' "$folder/$name"

number=0
for old in $(cd "$folder" && ls -1 energy-*.dump 2>/dev/null | sort -r); do
  number=$((number + 1))
  [ "$number" -le "$keep" ] || rm -f "$folder/$old"
done
