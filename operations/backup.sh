#!/usr/bin/env bash
# Back the database up into one compressed file, whole or not at all.
#
#   bash operations/backup.sh [--out DIR] [--keep N]        (default: backups/ in the project, 14 files)
#
# The file is pg_dump's custom format, of the database in DATABASE_URL. After a backup that succeeded, older ones are
# removed until N are left, the new one included; a file that does not have a backup's exact name stays. It takes a pg_dump that is not older than the server. With Neon use the direct host, not the pooled one.
# To put a backup back: operations/restore.sh.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# In this locale names are in the order of their times.
LC_ALL=C

is_own_backup() { # FILE
  [ -f "$1" ] && [ ! -L "$1" ] && [[ "${1##*/}" =~ ^energy-[0-9]{8}T[0-9]{6}Z\.dump$ ]]
}

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

check_output_folder "$folder" --out

ensure_venv
mkdir -p "$folder" || fail "cannot make $folder; choose another --out"
[ -w "$folder" ] || fail "cannot write into $folder; choose another --out"
name="energy-$(date -u +%Y%m%dT%H%M%SZ).dump"
partial="$folder/.$name.$$.partial"
trap 'rm -f "$partial"' EXIT
"$PYTHON" "$PROJECT_ROOT/operations/postgres_program.py" pg_dump -- \
  --format=custom --no-owner --no-privileges --lock-wait-timeout=60000 --file="$partial" ||
  fail "the backup failed; see above, nothing was written"
[ ! -e "$folder/$name" ] || fail "$folder/$name is there already; run again"
mv "$partial" "$folder/$name"
printf '%s\n' "$folder/$name"

# The names tell the time and come in its order. Only such as this script makes, and only older ones than the new.
older=()
for path in "$folder"/energy-*.dump; do
  is_own_backup "$path" && [[ "${path##*/}" < "$name" ]] && older+=("$path")
done
surplus=$((${#older[@]} + 1 - keep))
for path in ${older[@]+"${older[@]}"}; do
  [ "$surplus" -gt 0 ] || break
  surplus=$((surplus - 1))
  rm -f -- "$path" || fail "the backup is made, but $path cannot be removed; check who owns it"
done
