# shellcheck shell=bash
# What the wrappers share: where the project is, which Python runs it, one lock, one log. To be sourced, not run.
# Written for bash 3.2, which is what macOS brings.
set -euo pipefail

PROJECT_ROOT="$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
VENV_PYTHON="$PROJECT_ROOT/.venv/bin/python"

# Exit codes, the same as those of the scripts (see lib/errors.py).
EXIT_FAILED=1
EXIT_USAGE=2
EXIT_BREAKER_OPEN=3

# shellcheck disable=SC2034 # used by the wrappers
DEFAULT_SITE=23271

# A first backfill of years may take hours; longer than four, it hangs.
STEP_MAX_SECONDS="${STEP_MAX_SECONDS:-14400}"
# A month of nights is about a megabyte.
LOG_MAX_BYTES="${LOG_MAX_BYTES:-5000000}"
LOG_KEEP=8

fail() { # MESSAGE [EXIT_CODE]
  printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
  exit "${2:-$EXIT_FAILED}"
}

usage() { # prints the comment block at the head of the calling script
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
}

option_value() { # OPTION [VALUE] -> VALUE, refusing a missing one
  [ -n "${2:-}" ] || fail "$1 needs a value (see --help)" "$EXIT_USAGE"
  printf '%s' "$2"
}

positive_number() { # OPTION [VALUE] -> VALUE, refusing all but whole numbers of 1 or more
  case "${2:-}" in
    "" | 0* | *[!0-9]* | ???????????????????*) # 19 digits may be more than the shell can count
      fail "$1 needs a whole number of 1 or more, not '${2:-}' (see --help)" "$EXIT_USAGE"
      ;;
  esac
  printf '%s' "$2"
}

check_output_file() { # FILE: a pipe would wait for a reader
  [ ! -e "$1" ] || [ -f "$1" ] || fail "$1 is not a file; move it away"
}

check_output_folder() { # FOLDER OPTION: one that is there, or can be made
  local place="$1"
  while [ ! -e "$place" ] && [ ! -L "$place" ] && [ "$place" != "${place%/*}" ]; do place="${place%/*}"; done
  [ -d "${place:-/}" ] || [ ! -e "$place" ] || fail "$place is not a folder; choose another $2" "$EXIT_USAGE"
}

check_time() { # OPTION HH:MM
  case "$2" in
    [01][0-9]:[0-5][0-9] | 2[0-3]:[0-5][0-9]) ;;
    *) fail "$1 $2 should be a time of day such as 06:00" "$EXIT_USAGE" ;;
  esac
}

# At the minute of the sync and half an hour from it: on time wherever the zone's offset is of whole or half hours. In the
# few zones of a quarter (Nepal, the Chatham Islands, Eucla) it is done a quarter of an hour late: a wake more would keep a
# database awake that sleeps when nobody asks.
wake_minutes() { # HH:MM -> minutes of the hour, such as 0,30
  local minute=$((10#${1#*:} % 30))
  printf '%s,%s' "$minute" "$((minute + 30))"
}

# --- Python -----------------------------------------------------------------------------------------------------------

is_usable_python() { # COMMAND: 3.11 or newer, and able to make a virtual environment
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() { # sets PYTHON to a Python that can make the virtual environment
  local candidate found=""
  for candidate in "${PYTHON:-}" python3.14 python3.13 python3.12 python3.11 python3; do
    command -v "${candidate:-none}" >/dev/null || continue
    if is_usable_python "$candidate"; then
      PYTHON="$candidate"
      return
    fi
    found="$found $candidate"
  done
  [ -z "$found" ] || printf 'Looked at:%s, which are too old or lack the venv module.\n' "$found" >&2
  printf 'On Debian and Ubuntu: apt-get install python3 python3-venv;  on macOS: brew install python\n' >&2
  fail "Python 3.11 or newer with venv is needed and was not found; install it and run again"
}

stamp_file() { # LIST, such as requirements -> the file that says for what the list was last installed
  printf '%s' "$PROJECT_ROOT/.venv/$1-stamp"
}

make_stamp() { # PYTHON_COMMAND LIST -> what the stamp has to say; fails when that Python does not run
  "$1" -c '
import hashlib, sys
with open(sys.argv[1], "rb") as requirements:
    print("%d.%d" % sys.version_info[:2], hashlib.sha256(requirements.read()).hexdigest())
' "$PROJECT_ROOT/$2.txt" 2>/dev/null
}

write_stamp() { # LIST
  make_stamp "$VENV_PYTHON" "$1" >"$(stamp_file "$1")"
}

is_installed() { # LIST
  local stamp
  [ -f "$(stamp_file "$1")" ] && stamp="$(make_stamp "$VENV_PYTHON" "$1")" && [ "$stamp" = "$(cat "$(stamp_file "$1")")" ]
}

# requirements.txt is always among the lists; checks and tests add requirements-dev.
ensure_venv() { # [LIST...]: sets PYTHON to the Python of .venv, which is made or brought up to date where need be
  local list
  for list in requirements "$@"; do
    is_installed "$list" && continue
    find_python
    # In a subshell, whose end frees the lock.
    (
      mkdir -p "$PROJECT_ROOT/data" && hold_lock "$PROJECT_ROOT/data/.venv.lock" wait || exit
      # Another process may have done it while this one waited.
      is_installed "$list" || install_list "$list"
    ) || exit "$EXIT_FAILED"
  done
  PYTHON="$VENV_PYTHON"
}

install_list() { # LIST: into .venv, which is made first where there is none that runs
  local output
  if ! "$VENV_PYTHON" -m pip --version >/dev/null 2>&1; then
    echo "Making the virtual environment .venv with $("$PYTHON" --version)"
    output="$("$PYTHON" -m venv --clear "$PROJECT_ROOT/.venv" 2>&1)" || {
      printf '%s\n' "$output" >&2
      fail "cannot make $PROJECT_ROOT/.venv; on Debian and Ubuntu apt-get install python3-venv, then run again"
    }
  fi
  echo "Installing what $1.txt lists (once, about a minute)"
  output="$("$VENV_PYTHON" -m pip install --quiet --no-input --disable-pip-version-check \
    -r "$PROJECT_ROOT/$1.txt" 2>&1)" || {
    printf '%s\n' "$output" >&2
    fail "pip could not install $1.txt; check the network (or pip's proxy settings) and run again"
  }
  write_stamp "$1"
}

# --- Locks ------------------------------------------------------------------------------------------------------------

# The lock belongs to file descriptor 9 of this shell, and the kernel frees it when the shell and the commands it started
# have ended, even by kill -9. Python takes it because flock(1) does not exist on macOS.
hold_lock() { # FILE [wait] -> fails when another process holds it, or has held it for as long as a step may take
  local code=0
  check_output_file "$1"
  (: >>"$1") 2>/dev/null || fail "cannot write $1; check who owns its folder"
  exec 9>>"$1" || fail "cannot write $1; check who owns its folder"
  with_time_limit "$PYTHON" -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | (0 if sys.argv[1:] == ["wait"] else fcntl.LOCK_NB))
except BlockingIOError:
    sys.exit(3)
' ${2+"$2"} || code=$?
  case "$code" in
    0) ;;
    3 | 124 | 137) return "$EXIT_FAILED" ;;
    *) fail "cannot lock $1; is its file system one that knows locks? See above" ;;
  esac
}

# --- Logs and steps of the scheduled wrappers -------------------------------------------------------------------------

begin_scheduled_run() { # NAME [quiet]: log, virtual environment, and the lock that keeps a second run out
  RUN_NAME="$1"
  LOG_FILE="$PROJECT_ROOT/logs/$RUN_NAME.log"
  mkdir -p "$PROJECT_ROOT/logs"
  check_output_file "$LOG_FILE"
  : >>"$LOG_FILE" || fail "cannot write $LOG_FILE; check who owns it"
  # Once for the log, in the pipe's subshell, and once, when all is in place, for PYTHON.
  ensure_venv 2>&1 | to_log || fail "the virtual environment could not be made ready; see $LOG_FILE"
  ensure_venv
  hold_lock "$PROJECT_ROOT/logs/.$RUN_NAME.lock" || {
    log_line "not started: another $RUN_NAME is running"
    [ -z "${2:-}" ] || exit 0
    fail "another $RUN_NAME is running; see $LOG_FILE"
  }
  rotate_log "$LOG_FILE"
}

wait_for_sync() { # a report that is made meanwhile would be held back: its validation is older than what is fetched
  local lock="$PROJECT_ROOT/logs/.daily_sync.lock"
  (hold_lock "$lock") && return
  log_line "waiting for the daily sync to end"
  (hold_lock "$lock" wait) || log_line "the daily sync still runs; going on without waiting any longer"
}

rotate_log() { # FILE: beyond LOG_MAX_BYTES it becomes FILE.1, and so on up to FILE.LOG_KEEP
  local bytes number
  bytes="$(wc -c <"$1")"
  [ "$bytes" -gt "$LOG_MAX_BYTES" ] || return 0
  number="$LOG_KEEP"
  while [ "$number" -gt 1 ]; do
    [ ! -f "$1.$((number - 1))" ] || mv -f "$1.$((number - 1))" "$1.$number"
    number=$((number - 1))
  done
  mv -f "$1" "$1.1"
  : >>"$1"
}

sites_or_listed() { # [list_sites.py's options] -> fills the array sites where it is empty; fails when the list does
  [ ${#sites[@]} -eq 0 ] || return 0
  local listed site
  listed="$(with_time_limit "$PYTHON" "$PROJECT_ROOT/operations/list_sites.py" --ids "$@" </dev/null 2> >(to_log))" || {
    log_line "no list of sites: is the database there?"
    return "$EXIT_FAILED"
  }
  for site in $listed; do sites+=("$site"); done
}

end_scheduled_run() { # EXIT_CODE
  log_line "$RUN_NAME ended with exit code $1"
  # Cron mails what is written here.
  [ "$1" -eq 0 ] || {
    printf '%s ended with exit code %s; see %s\n' "$RUN_NAME" "$1" "$LOG_FILE" >&2
    [ ${#REASONS[@]} -eq 0 ] || printf '%s\n' "${REASONS[@]}" >&2
  }
  exit "$1"
}

to_log() {
  if [ -t 1 ]; then tee -a "$LOG_FILE"; else cat >>"$LOG_FILE"; fi
}

log_line() { # TEXT
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" | to_log
}

# The last error counts, else what a script says on stdout of channels that failed or a site that is held back.
reason_of() { # FILE BYTES -> why a step did not end well, if it said so below the first so many bytes of a log
  local written pattern reason=""
  written="$(tail -c "+$(($2 + 1))" "$1")"
  for pattern in 's/^[0-9TZ:-]* ERROR //p' 's/^FAILED: /failed: /p' '/^site [0-9]*: held back/p'; do
    [ -n "$reason" ] || reason="$(printf '%s\n' "$written" | LC_ALL=C sed -n "$pattern" | tail -n 1)"
  done
  printf '%s' "$reason"
}

REASONS=() # why steps did not end well

run_step() { # SCRIPT ARGS...: runs a project script, logs its output and exit code, and returns that code
  local code=0 note="" line="$*" script="$PROJECT_ROOT/$1" written
  shift
  log_line "start: $line"
  written="$(wc -c <"$LOG_FILE")"
  with_time_limit "$PYTHON" "$script" "$@" </dev/null 2>&1 | to_log || code="${PIPESTATUS[0]}"
  case "$code" in
    0) ;;
    124 | 137) note="stopped: it took longer than STEP_MAX_SECONDS=$STEP_MAX_SECONDS" ;;
    *) note="$(reason_of "$LOG_FILE" "$written")" ;;
  esac
  [ "$code" -eq 0 ] || REASONS+=("$line: ${note:-exit code $code}")
  [ -z "$note" ] || note=" ($note)"
  log_line "exit $code$note: $line"
  return "$code"
}

with_time_limit() { # COMMAND ARGS...: a step that hangs must not keep the next night's sync out
  # macOS has no timeout(1) of its own; with GNU's coreutils it is called gtimeout. The steps' own limits hold anyway.
  local tool
  for tool in timeout gtimeout; do
    if command -v "$tool" >/dev/null; then
      # In the foreground: signals to this script's group, such as Ctrl-C, are to reach the step too.
      "$tool" --foreground --kill-after=30 "$STEP_MAX_SECONDS" "$@"
      return
    fi
  done
  "$@"
}

# Any other code, such as that of a script that was killed, counts as failed.
worse_code() { # A B -> the worse of two exit codes: 1 (failed), 2 (bad arguments), 3 (held back), 0 (done)
  local code worst=0
  for code in "$1" "$2"; do
    case "$code after $worst" in
      0\ after* | *after\ 1 | 3\ after\ 2) ;;
      2\ after* | 3\ after*) worst="$code" ;;
      *) worst=1 ;;
    esac
  done
  echo "$worst"
}
