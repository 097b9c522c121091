#!/usr/bin/env bash
# Have systemd timers run the daily sync and the weekly report: an alternative to operations/setup_cron.sh that makes up
# for runs which fell into a time when the machine was off.
#
#   bash operations/setup_systemd.sh [--time HH:MM] [--weekly-time HH:MM]     installs (default: 06:00 and Mondays 07:00)
#   bash operations/setup_systemd.sh --show                                   shows the timers and when they run next
#   bash operations/setup_systemd.sh --remove                                 takes them out again
#
# The units are the user's own (~/.config/systemd/user) and named after this folder; installing again replaces them. For
# timers that run without a login: loginctl enable-linger. Use either cron or systemd, not both.

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

write_units() { # JOB DESCRIPTION CALENDAR
  local unit
  unit="$UNIT_DIR/$(unit_name "$1")"
  cat >"$unit.service" <<EOF
[Unit]
Description=Energy pipeline: $2
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/bash $(quote_for_systemd "$PROJECT_ROOT/operations/$1.sh")
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
  mkdir -p "$UNIT_DIR" || fail "cannot make $UNIT_DIR; check who owns it"
  write_units daily_sync "daily sync" "*-*-* $daily_time:00"
  write_units weekly_report "weekly report" "Mon *-*-* $weekly_time:00"
  systemctl --user daemon-reload || fail "systemd does not answer; is there a user session? See the log above"
  systemctl --user enable --now "$(unit_name daily_sync).timer" "$(unit_name weekly_report).timer" ||
    fail "the timers could not be started; see the log above"
  echo "Installed: daily sync at $daily_time, weekly report on Mondays at $weekly_time (this machine's clock)."
  echo "To take it out: bash operations/setup_systemd.sh --remove"
}

remove_units() {
  local job unit found=""
  for job in daily_sync weekly_report; do
    unit="$(unit_name "$job")"
    [ -f "$UNIT_DIR/$unit.timer" ] || continue
    found=1
    systemctl --user disable --now "$unit.timer" || log_failure "$unit.timer"
    rm -f "$UNIT_DIR/$unit.timer" "$UNIT_DIR/$unit.service"
  done
  [ -n "$found" ] || {
    echo "Nothing to remove: there are no timers of this project."
    return
  }
  systemctl --user daemon-reload || log_failure "daemon-reload"
  echo "Removed the project's timers."
}

log_failure() { # WHAT
  printf '%s: systemctl could not do all of it for %s; the files are removed\n' "$(basename "$0")" "$1" >&2
}

show_units() {
  if [ -f "$UNIT_DIR/$(unit_name daily_sync).timer" ]; then
    systemctl --user list-timers "$(unit_name daily_sync).timer" "$(unit_name weekly_report).timer"
  else
    echo "There are no timers of this project."
  fi
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
