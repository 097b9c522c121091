#!/usr/bin/env bash
# Have cron sync each site every morning and report on it on Mondays, by the site's own local clock.
#
#   bash operations/setup_cron.sh                                        asks for the times
#   bash operations/setup_cron.sh --yes [--time HH:MM] [--weekly-time HH:MM]   asks nothing (default: 06:00 and 07:00, or as installed)
#   bash operations/setup_cron.sh --show                                 shows what is installed
#   bash operations/setup_cron.sh --remove                               takes it out again
#
# Times are those of each site's own zone. Cron wakes operations/run_schedule.sh every half hour, which does what is due. The
# entry stands between marker lines that name this folder; all other lines of the crontab stay as they are. Installing
# again replaces it, and takes over the times of the entries that were there (also those of the two entries of old).

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

BEGIN_MARKER="# BEGIN energy pipeline in $PROJECT_ROOT (by operations/setup_cron.sh)"
END_MARKER="# END energy pipeline in $PROJECT_ROOT"

# Files, not variables: a variable would lose the last line breaks, and other people's lines are to stay as they are.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
before="$work/before"
after="$work/after"

read_crontab() { # fills $before with the user's crontab; empty when there is none
  LC_ALL=C crontab -l >"$before" 2>"$work/errors" && return
  # Unreadable is not the same as empty: writing now would lose what cannot be read.
  grep -qiE 'no crontab|no such file' "$work/errors" || fail "cannot read the crontab: $(cat "$work/errors"); nothing was changed"
  : >"$before"
}

split_crontab() { # fills $after with the lines that are not ours, and $work/ours with those that are
  : >"$work/ours"
  BEGIN="$BEGIN_MARKER" END="$END_MARKER" OURS="$work/ours" awk '
    $0 == ENVIRON["BEGIN"] { inside = 1 }
    { if (inside) print > ENVIRON["OURS"]; else print }
    $0 == ENVIRON["END"] { inside = 0 }
    END { exit inside }
  ' "$before" >"$after" || fail "the crontab has the line '$BEGIN_MARKER' without its END line; mend it with crontab -e"
}

write_crontab() { # makes $after the user's crontab
  if [ -s "$after" ]; then
    crontab "$after"
  else
    crontab -r
  fi || fail "cannot write the crontab; nothing was changed"
}

# In single quotes for the shell that cron starts; cron itself would take a bare % for a line break.
quote_for_cron() { # PATH
  printf "'%s'" "$(printf '%s' "$1" | sed -e "s/'/'\\\\''/g" -e 's/%/\\%/g')"
}

old_time() { # WRAPPER -> HH:MM of the entry of old that runs it, at fixed minute and hour; nothing where there is none
  WRAPPER="/operations/$1.sh" awk '
    index($0, ENVIRON["WRAPPER"]) && $1 ~ /^[0-9]+$/ && $2 ~ /^[0-9]+$/ { printf "%02d:%02d\n", $2, $1; exit }
  ' "$work/ours"
}

installed_time() { # OPTION -> what the entry gives for it; nothing where there is none
  sed -n "s/.*run_schedule\\.sh'.* $1 \\([0-9][0-9]:[0-9][0-9]\\).*/\\1/p" "$work/ours" | head -n 1
}

take_over_times() { # fills the times that were not given
  [ -n "$daily_time" ] || daily_time="$(installed_time --time)"
  [ -n "$weekly_time" ] || weekly_time="$(installed_time --weekly-time)"
  [ -n "$daily_time" ] || daily_time="$(old_time daily_sync)"
  [ -n "$weekly_time" ] || weekly_time="$(old_time weekly_report)"
  daily_time="${daily_time:-06:00}"
  weekly_time="${weekly_time:-07:00}"
}

ask() { # QUESTION DEFAULT -> the answer
  local answer
  read -r -p "$1 [$2]: " answer || answer=""
  printf '%s' "${answer:-$2}"
}

render_entries() {
  local times=""
  [ "$daily_time" = 06:00 ] || times=" --time $daily_time"
  [ "$weekly_time" = 07:00 ] || times="$times --weekly-time $weekly_time"
  echo "$BEGIN_MARKER"
  echo "$(wake_minutes "$daily_time") * * * * /bin/bash $(quote_for_cron "$PROJECT_ROOT/operations/run_schedule.sh")$times"
  echo "$END_MARKER"
}

install_entries() {
  render_entries >>"$after"
  write_crontab
  echo "Installed: each site's daily sync at $daily_time, its weekly report on Mondays at $weekly_time, by its own clock."
  echo "Logs: logs/schedule.log, logs/daily_sync.log, logs/weekly_report.log. To take it out: bash operations/setup_cron.sh --remove"
}

remove_entries() {
  if [ ! -s "$work/ours" ]; then
    echo "Nothing to remove: the crontab has no entries of this project."
    return
  fi
  write_crontab
  echo "Removed the project's entries from the crontab."
}

show_entries() {
  if [ -s "$work/ours" ]; then cat "$work/ours"; else echo "The crontab has no entries of this project."; fi
}

ask_for_times() {
  daily_time="$(ask "Daily sync at (each site's own clock)" "$daily_time")"
  weekly_time="$(ask "Weekly report on Mondays at" "$weekly_time")"
}

is_confirmed() {
  local answer
  echo "These lines will be put into your crontab:"
  render_entries
  answer="$(ask "Install them? y or n" "y")"
  [[ "$answer" == [yY]* ]]
}

action=install
daily_time=""
weekly_time=""
times_given=""
confirmed=""
while [ $# -gt 0 ]; do
  case "$1" in
    --time) daily_time="$(option_value "$@")"; times_given=1; shift 2 ;;
    --weekly-time) weekly_time="$(option_value "$@")"; times_given=1; shift 2 ;;
    --yes) confirmed=1; shift ;;
    --show) action=show; shift ;;
    --remove) action=remove; shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done

command -v crontab >/dev/null ||
  fail "there is no crontab here; install cron (apt-get install cron), or have another scheduler run operations/daily_sync.sh"

if [ "$action" = install ]; then
  [ -n "$confirmed" ] || [ -t 0 ] || fail "not on a terminal, so nothing can be asked; add --yes" "$EXIT_USAGE"
  [ -z "$daily_time" ] || check_time --time "$daily_time"
  [ -z "$weekly_time" ] || check_time --weekly-time "$weekly_time"
fi
read_crontab
split_crontab
if [ "$action" = install ]; then
  take_over_times
  [ -n "$confirmed$times_given" ] || ask_for_times
  check_time --time "$daily_time"
  check_time --weekly-time "$weekly_time"
  if [ -z "$confirmed" ] && ! is_confirmed; then
    echo "Nothing was changed."
    exit 0
  fi
fi
"${action}_entries"
