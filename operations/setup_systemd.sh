#!/usr/bin/env bash
# Have a systemd timer sync each site every morning and report on it on Mondays, by the site's own local clock: an
# alternative to operations/setup_cron.sh. It wakes operations/run_schedule.sh every half hour, which does what is due.
#
#   bash operations/setup_systemd.sh [--time HH:MM] [--weekly-time HH:MM]     installs (default: 06:00 and Mondays 07:00)
#   bash operations/setup_systemd.sh --show                                   shows the timer and when it runs next
#   bash operations/setup_systemd.sh --remove                                 takes it out again
#
# The units are the user's own (~/.config/systemd/user) and named after this folder; installing again replaces them, and
# the two timers of old. For one that runs without a login: loginctl enable-linger. Use either cron or systemd, not both.

# shellcheck source=operations/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

UNIT_DIR="${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user"

unit_name() { # JOB -> a name that two checkouts do not share
  printf 'energy-pipeline-%s-%s' "$1" "$(printf '%s' "$PROJECT_ROOT" | cksum | cut -d ' ' -f 1)"
}

# systemd reads \ and % and " within quotes as its own (systemd.service(5), "Command lines").
quote_for_systemd() { # PATH
  printf '"%s"' "$(printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/%/%%/g' -e 's/\$/$$/g')"
}

write_units() { # JOB DESCRIPTION CALENDAR [ARGS]
  local unit
  unit="$UNIT_DIR/$(unit_name "$1")"
  cat >"$unit.service" <<EOF
[Unit]
Description=Energy pipeline: $2
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/bash $(quote_for_systemd "$PROJECT_ROOT/operations/$1.sh")${4:-}
# 3: it ran, and data are held back, which is no failure of the job.
SuccessExitStatus=3
TimeoutStartSec=12h
EOF
  cat >"$unit.timer" <<EOF
[Unit]
Description=Energy pipeline: $2

[Timer]
OnCalendar=$3
Persistent=true

[Install]
WantedBy=timers.target
EOF
}

install_units() {
  local timer times=""
  timer="$(unit_name run_schedule).timer"
  [ "$daily_time" = 06:00 ] || times=" --time $daily_time"
  [ "$weekly_time" = 07:00 ] || times="$times --weekly-time $weekly_time"
  mkdir -p "$UNIT_DIR" || fail "cannot make $UNIT_DIR; check who owns it"
  remove_timers daily_sync weekly_report || true
  write_units run_schedule "each site's sync and report" "*-*-* *:$(wake_minutes "$daily_time"):00" "$times"
  systemctl --user daemon-reload || fail "systemd does not answer; is there a user session? See the log above"
  systemctl --user enable --now "$timer" || fail "the timer could not be started; see the log above"
  echo "Installed: each site's daily sync at $daily_time, its weekly report on Mondays at $weekly_time, by its own clock."
  echo "To take it out: bash operations/setup_systemd.sh --remove"
}

remove_timers() { # JOB...: fails where there was none
  local job unit found="$EXIT_FAILED"
  for job in "$@"; do
    unit="$(unit_name "$job")"
    [ -f "$UNIT_DIR/$unit.timer" ] || continue
    found=0
    systemctl --user disable --now "$unit.timer" || log_failure "$unit.timer"
    rm -f "$UNIT_DIR/$unit.timer" "$UNIT_DIR/$unit.service"
  done
  return "$found"
}

remove_units() {
  remove_timers run_schedule daily_sync weekly_report || {
    echo "Nothing to remove: there is no timer of this project."
    return
  }
  systemctl --user daemon-reload || log_failure "daemon-reload"
  echo "Removed the project's timer."
}

log_failure() { # WHAT
  printf '%s: systemctl could not do all of it for %s; the files are removed\n' "$(basename "$0")" "$1" >&2
}

show_units() {
  local timer
  timer="$(unit_name run_schedule).timer"
  if [ -f "$UNIT_DIR/$timer" ]; then systemctl --user list-timers "$timer"; else echo "There is no timer of this project."; fi
}

action=install
daily_time="06:00"
weekly_time="07:00"
while [ $# -gt 0 ]; do
  case "$1" in
    --time) daily_time="$(option_value "$@")"; shift 2 ;;
    --weekly-time) weekly_time="$(option_value "$@")"; shift 2 ;;
    --show) action=show; shift ;;
    --remove) action=remove; shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1 (see --help)" "$EXIT_USAGE" ;;
  esac
done
check_time --time "$daily_time"
check_time --weekly-time "$weekly_time"
command -v systemctl >/dev/null ||
  fail "there is no systemctl here; use operations/setup_cron.sh, or have another scheduler run operations/daily_sync.sh"
"${action}_units"
