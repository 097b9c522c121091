"""The nightly and weekly jobs: their steps, exit codes, locks and logs, and the schedulers that start them."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import signal
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from real_cron import HAS_CRON, SPOOL
from real_cron import setup_cron as setup_by_cron_user
from wrapper_tree import (
    ALERTS,
    BACKFILL,
    BARE_PATH,
    CLAIM,
    CUSTOMER,
    FINISH,
    GAPS,
    HEARTBEAT,
    INGEST,
    MAILING,
    MONTHLY,
    PORTAL,
    RECORD,
    REFRESH,
    REPORT,
    SEND,
    TELL,
    VALIDATE,
    WEATHER,
    Tree,
    python_on_path,
    wait_until,
)

# --- daily_sync.sh ----------------------------------------------------------------------------------------------------


def sync_commands(site: int, days: int = 2, budget: int = 300) -> list[str]:
    """Return what is run for one site before the refresh."""
    return [
        f"{INGEST} --site {site} --days {days}",
        f"{GAPS} --site {site}",
        f"{BACKFILL} --site {site} --budget {budget}",
        f"{GAPS} --site {site}",
    ]


def test_daily_sync_ingests_then_refreshes_then_validates(tree: Tree) -> None:
    done = tree.run("operations/daily_sync.sh")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert tree.commands == [
        *sync_commands(23271),
        REFRESH,
        f"{VALIDATE} --site 23271",
        f"{WEATHER} --site 23271",
        f"{PORTAL} --site 23271",
        f"{TELL} --site 23271",
        f"{ALERTS} --sync-exit-code 0",
        HEARTBEAT,
    ]
    log = tree.log("daily_sync")
    for script, args, _ in tree.calls:
        start = next(i for i, line in enumerate(log) if line.endswith(f"Z start: {' '.join([script, *args])}"))
        said = ["2026-01-20T06:00:00Z INFO detail of " + script, f"output of {script}", f"warning of {script}"]
        assert sorted(log[start + 1 : start + 4]) == said
        assert log[start + 4].endswith(f"Z exit 0: {' '.join([script, *args])}")
    stamp = datetime.strptime(log[0].split()[0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 60
    tree.run("operations/daily_sync.sh")
    assert len(tree.log("daily_sync")) == 2 * len(log), "the log is appended to"


def test_daily_sync_takes_several_sites(tree: Tree) -> None:
    tree.run("operations/daily_sync.sh", "--site", "1", "--days", "5", "--gap-budget", "40", "--site", "22")
    assert tree.commands == [
        *sync_commands(1, 5, 40),
        *sync_commands(22, 5, 40),
        REFRESH,
        f"{VALIDATE} --site 1",
        f"{VALIDATE} --site 22",
        f"{WEATHER} --site 1",
        f"{WEATHER} --site 22",
        f"{PORTAL} --site 1 --site 22",
        f"{TELL} --site 1",
        f"{TELL} --site 22",
        f"{ALERTS} --sync-exit-code 0",
        HEARTBEAT,
    ]


def test_daily_sync_is_for_all_sites_that_are_listed(tree: Tree) -> None:
    tree.run("operations/daily_sync.sh", STUB_SITES="3 5")
    assert [command for command in tree.commands if "--site" in command] == [
        *sync_commands(3),
        *sync_commands(5),
        f"{VALIDATE} --site 3",
        f"{VALIDATE} --site 5",
        f"{WEATHER} --site 3",
        f"{WEATHER} --site 5",
        f"{PORTAL} --site 3 --site 5",
        f"{TELL} --site 3",
        f"{TELL} --site 5",
    ]


def test_without_a_list_of_sites_the_sync_fails_and_says_so(tree: Tree) -> None:
    environment = {name: value for name, value in tree.environment.items() if name != "STUB_SITES"}
    ended = replace(tree, environment=environment).run("operations/daily_sync.sh")
    assert ended.returncode == 1
    assert tree.commands == [REFRESH, f"{ALERTS} --sync-exit-code 1"]
    log = tree.log("daily_sync")
    assert "no database" in log
    assert any("no list of sites: is the database there?" in line for line in log)


@pytest.mark.parametrize(("codes", "is_alive"), [({VALIDATE: 3}, True), ({INGEST: 1}, False), ({REFRESH: 2}, False)])
def test_heartbeat_is_only_for_a_sync_that_ran(tree: Tree, codes: dict[str, int], is_alive: bool) -> None:
    tree.run("operations/daily_sync.sh", codes=codes)
    assert (tree.commands[-1] == HEARTBEAT) is is_alive
    assert f"{ALERTS} --sync-exit-code {next(iter(codes.values()))}" in tree.commands


def test_missing_weather_is_logged_and_fails_nothing(tree: Tree) -> None:
    ended = tree.run("operations/daily_sync.sh", codes={WEATHER: 1})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert tree.commands[-2:] == [f"{ALERTS} --sync-exit-code 0", HEARTBEAT]
    assert any(line.endswith(f"exit 1: {WEATHER} --site 23271") for line in tree.log("daily_sync"))


@pytest.mark.skipif(shutil.which("timeout") is None, reason="there is no timeout(1)")
def test_a_step_that_hangs_is_stopped_and_the_others_run(tree: Tree) -> None:
    ended = tree.run("operations/daily_sync.sh", STUB_SLEEPS=INGEST, STEP_MAX_SECONDS="1")
    assert ended.returncode == 1
    assert tree.commands[1:6] == [*sync_commands(23271)[1:], REFRESH, f"{VALIDATE} --site 23271"]
    assert any("(stopped: it took longer than STEP_MAX_SECONDS=1)" in line for line in tree.log("daily_sync"))


@pytest.mark.skipif(shutil.which("timeout") is None, reason="there is no timeout(1)")
def test_a_database_that_hangs_keeps_no_sync_from_ending(tree: Tree) -> None:
    ended = tree.run("operations/daily_sync.sh", STUB_LIST_HANGS="1", STEP_MAX_SECONDS="1")
    assert (ended.returncode, tree.commands) == (1, [REFRESH, f"{ALERTS} --sync-exit-code 1"])


def test_virtual_environment_that_cannot_be_made_is_told_to_cron(tree: Tree) -> None:
    (tree.root / ".venv" / "requirements-stamp").unlink()
    ended = tree.run("operations/daily_sync.sh", PATH=python_on_path(tree.root / "bin", "exit 1"))
    assert (ended.returncode, tree.calls) == (1, [])
    assert f"could not be made ready; see {tree.root}/logs/daily_sync.log" in ended.stderr
    assert any("Python 3.11 or newer with venv is needed" in line for line in tree.log("daily_sync"))


def test_a_long_log_makes_room_for_a_new_one(tree: Tree) -> None:
    logs = tree.root / "logs"
    rotate = '. "$1/operations/environment.sh" && rotate_log "$1/logs/daily_sync.log"'
    for number in range(1, 11):
        tree.write("logs/daily_sync.log", f"{number}\n" * 100)
        limit = {"PATH": BARE_PATH, "LOG_MAX_BYTES": "150"}
        subprocess.run(["bash", "-c", rotate, "bash", str(tree.root)], env=limit, check=True)
    tree.write("logs/daily_sync.log", "11\n" * 100)
    tree.run("operations/daily_sync.sh", LOG_MAX_BYTES="150")
    kept = sorted(path.name for path in logs.iterdir() if path.suffix != ".lock")
    assert kept == ["daily_sync.log", *(f"daily_sync.log.{number}" for number in range(1, 9))]
    assert [(logs / name).read_text().splitlines()[0] for name in kept[1:]] == [str(n) for n in range(11, 3, -1)]
    assert len(tree.log("daily_sync")) > 3


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({INGEST: 1}, 1),
        ({VALIDATE: 3}, 3),
        ({INGEST: 1, VALIDATE: 3}, 1),
        ({REFRESH: 2, VALIDATE: 3}, 2),
        ({INGEST: 2, REFRESH: 1}, 1),
        ({INGEST: 139}, 1),
        ({f"{VALIDATE} 1": 3, f"{VALIDATE} 22": 0}, 3),
    ],
)
def test_daily_sync_runs_every_step_and_ends_with_the_worst_code(
    tree: Tree, codes: dict[str, int], expected: int
) -> None:
    ended = tree.run("operations/daily_sync.sh", "--site", "1", "--site", "22", codes=codes)
    assert ended.returncode == expected
    assert len(tree.calls) == 2 * len(sync_commands(1)) + 9 + (expected == 3)
    log = tree.log("daily_sync")
    assert log[-1].endswith(f"daily_sync ended with exit code {expected}")
    reason = f"no report for site 1: told by {VALIDATE}; do this"
    is_held = 3 in codes.values()
    assert any(line.endswith(f"Z exit 3 ({reason}): {VALIDATE} --site 1") for line in log) is is_held
    mailed = ended.stderr.splitlines()
    assert mailed[0] == f"daily_sync ended with exit code {expected}; see {tree.root}/logs/daily_sync.log"
    held_sites = [] if not is_held else ["1"] if f"{VALIDATE} 1" in codes else ["1", "22"]
    held = [f"{VALIDATE} --site {n}: no report for site {n}: told by {VALIDATE}; do this" for n in held_sites]
    assert [line for line in mailed[1:] if line.startswith(VALIDATE)] == held
    failed = [script for script, code in codes.items() if code not in (0, 3)]
    assert all(any(line.startswith(script) for line in mailed[1:]) for script in failed)
    assert len(mailed) == 1 + len(held) + sum(1 if script == REFRESH else 2 for script in failed)


def test_daily_sync_leaves_while_another_runs(tree: Tree) -> None:
    lock = tree.root / "logs" / ".daily_sync.lock"
    lock.parent.mkdir()
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        refused = tree.run("operations/daily_sync.sh")
    assert refused.returncode == 1
    assert "another daily_sync is running" in refused.stderr
    assert tree.calls == []
    assert tree.run("operations/daily_sync.sh").returncode == 0


def test_a_place_that_knows_no_locks_is_not_taken_for_another_sync(tree: Tree) -> None:
    python = tree.root / ".venv" / "bin" / "python"
    real = python.resolve()
    python.unlink()
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *flock*) echo "No locks available" >&2; exit 1 ;; esac\nexec {real} "$@"\n'
    )
    python.chmod(0o755)
    refused = tree.run("operations/daily_sync.sh")
    assert (refused.returncode, tree.calls) == (1, [])
    assert "No locks available" in refused.stderr and "cannot lock " in refused.stderr
    assert "another daily_sync" not in refused.stderr


def test_lock_does_not_outlive_a_killed_sync(tree: Tree) -> None:
    sync = tree.start("operations/daily_sync.sh", STUB_SLEEPS=INGEST)
    wait_until(lambda: bool(tree.calls), "the sync ingests")
    assert tree.run("operations/daily_sync.sh").returncode == 1
    os.killpg(sync.pid, signal.SIGKILL)
    sync.wait()
    assert tree.run("operations/daily_sync.sh").returncode == 0


def test_log_goes_to_a_terminal_too(tree: Tree) -> None:
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as terminal:
        subprocess.run(
            tree.command("operations/daily_sync.sh"), env=tree.environment, stdout=slave, check=True, timeout=60
        )
        os.close(slave)
        shown = terminal.read(65536).decode()
    assert f"output of {INGEST}" in shown


# --- weekly_report.sh -------------------------------------------------------------------------------------------------


def test_weekly_report_refreshes_then_validates_then_reports(tree: Tree) -> None:
    assert tree.run("operations/weekly_report.sh").returncode == 0
    assert tree.commands == [
        REFRESH,
        f"{VALIDATE} --site 23271",
        f"{REPORT} --site 23271 --html --pdf",
        f"{CUSTOMER} --site 23271 --where-mailed --pdf",
        f"{RECORD} {tree.root}/reports/weekly_report_23271_*.json",
        f"{MONTHLY} --site 23271 --html",
        f"{RECORD} {tree.root}/reports/monthly_summary_23271_*.json",
        f"{PORTAL} --site 23271",
        f"{SEND} --site 23271",
    ]
    assert tree.log("weekly_report")[-1].endswith("weekly_report ended with exit code 0")


def test_weekly_report_waits_for_a_sync_that_is_at_work(tree: Tree) -> None:
    lock = tree.root / "logs" / ".daily_sync.lock"
    lock.parent.mkdir()
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        weekly = tree.start("operations/weekly_report.sh")
        waits = "waiting for the daily sync to end"
        wait_until(lambda: (lock.parent / "weekly_report.log").exists() and waits in "".join(tree.log("weekly_report")),
                   "the weekly report waits")  # fmt: skip
        assert tree.calls == []
    assert weekly.wait(60) == 0
    assert len(tree.calls) == 9


@pytest.mark.skipif(shutil.which("timeout") is None, reason="there is no timeout(1)")
def test_weekly_report_does_not_wait_for_ever(tree: Tree) -> None:
    lock = tree.root / "logs" / ".daily_sync.lock"
    lock.parent.mkdir()
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert tree.run("operations/weekly_report.sh", STEP_MAX_SECONDS="1").returncode == 0
    assert any("the daily sync still runs; going on" in line for line in tree.log("weekly_report"))


@pytest.mark.parametrize(
    ("codes", "expected"), [({RECORD: 1}, 1), ({PORTAL: 1}, 1), ({RECORD: 1, SEND: 3}, 1), ({MONTHLY: 1}, 0)]
)
def test_report_that_is_not_recorded_or_published_is_sent(tree: Tree, codes: dict[str, int], expected: int) -> None:
    assert tree.run("operations/weekly_report.sh", codes=codes).returncode == expected
    assert tree.commands[-1] == f"{SEND} --site 23271"


def test_open_breaker_blocks_the_report_of_its_site_only(tree: Tree) -> None:
    codes = {f"{VALIDATE} 1": 3, f"{REPORT} 1": 3}
    ended = tree.run("operations/weekly_report.sh", "--site", "1", "--site", "2", codes=codes)
    assert ended.returncode == 3
    assert tree.commands == [
        REFRESH,
        f"{VALIDATE} --site 1",
        f"{REPORT} --site 1 --html --pdf",
        f"{VALIDATE} --site 2",
        f"{REPORT} --site 2 --html --pdf",
        f"{CUSTOMER} --site 2 --where-mailed --pdf",
        f"{RECORD} {tree.root}/reports/weekly_report_2_*.json",
        f"{MONTHLY} --site 2 --html",
        f"{RECORD} {tree.root}/reports/monthly_summary_2_*.json",
        f"{PORTAL} --site 2",
        f"{SEND} --site 2",
    ]
    reason = f"no report for site 1: told by {REPORT}; do this"
    assert any(
        line.endswith(f"Z exit 3 ({reason}): {REPORT} --site 1 --html --pdf") for line in tree.log("weekly_report")
    )
    held = f"{VALIDATE} --site 1: no report for site 1: told by {VALIDATE}; do this"
    assert ended.stderr.splitlines()[1:] == [held, f"{REPORT} --site 1 --html --pdf: {reason}"]


def test_report_asks_the_breaker_itself_for_it_may_be_overridden(tree: Tree) -> None:
    assert tree.run("operations/weekly_report.sh", codes={VALIDATE: 3}).returncode == 0
    assert [command.split()[0] for command in tree.commands] == [
        REFRESH, VALIDATE, REPORT, CUSTOMER, RECORD, MONTHLY, RECORD, PORTAL, SEND,
    ]  # fmt: skip


def test_no_report_is_made_of_a_site_that_could_not_be_validated(tree: Tree) -> None:
    assert tree.run("operations/weekly_report.sh", codes={VALIDATE: 1}).returncode == 1
    assert tree.commands == [REFRESH, f"{VALIDATE} --site 23271"]


def test_no_report_is_made_from_views_that_could_not_be_refreshed(tree: Tree) -> None:
    assert tree.run("operations/weekly_report.sh", codes={REFRESH: 1}).returncode == 1
    assert tree.commands == [REFRESH]


def test_a_week_may_be_named_and_is_the_one_that_is_sent(tree: Tree) -> None:
    assert tree.run("operations/weekly_report.sh", "--site", "2", "--start", "2026-01-12").returncode == 0
    assert tree.commands[2] == f"{REPORT} --site 2 --start 2026-01-12 --html --pdf"
    assert tree.commands[8:] == [f"{MAILING} --site 2 --start 2026-01-12", f"{SEND} --site 2 --start 2026-01-12"]


def test_report_that_another_server_may_have_mailed_is_made_and_mailed_to_nobody(tree: Tree) -> None:
    ended = tree.run("operations/weekly_report.sh", "--site", "2", "--start", "2026-01-12", codes={MAILING: 3})
    assert ended.returncode == 3
    assert [command.split()[0] for command in tree.commands[2:]] == [
        REPORT, CUSTOMER, RECORD, MONTHLY, RECORD, PORTAL, MAILING,
    ]  # fmt: skip


# --- run_schedule.sh --------------------------------------------------------------------------------------------------


def run_schedule(tree: Tree, jobs: str, **options: Any) -> subprocess.CompletedProcess[str]:
    tree.write("jobs", jobs)
    return tree.run("operations/run_schedule.sh", **options)


def test_where_nothing_is_due_nothing_is_done_or_said(tree: Tree) -> None:
    done = run_schedule(tree, "\n", STUB_SITES="3 5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (claim,) = tree.commands
    assert claim.endswith(" --sync 3 5 --report 3 5")
    assert tree.log("schedule") == []


def test_what_is_due_is_done_and_noted_one_after_the_other(tree: Tree) -> None:
    jobs = "sync 3 2026-01-19 2026-01-19 told\nreport 3 2026-01-19 2026-01-12 told\nsync 5 2026-01-19 2026-01-19 told\n"
    codes = {f"{REPORT} 3": 3, f"{INGEST} 5": 1}
    ended = run_schedule(tree, jobs, codes=codes)
    assert ended.returncode == 1
    done = [command for command in tree.commands if not command.startswith(CLAIM)]
    assert done == [
        *sync_commands(3), REFRESH, f"{VALIDATE} --site 3", f"{WEATHER} --site 3",
        f"{PORTAL} --site 3", f"{TELL} --site 3",
        f"{ALERTS} --sync-exit-code 0 --site 3", HEARTBEAT,
        f"{FINISH} --site 3 --job sync --due-on 2026-01-19 --exit-code 0",
        REFRESH, f"{VALIDATE} --site 3", f"{REPORT} --site 3 --start 2026-01-12 --html --pdf",
        f"{FINISH} --site 3 --job report --due-on 2026-01-19 --exit-code 3",
        *sync_commands(5), REFRESH, f"{VALIDATE} --site 5", f"{WEATHER} --site 5",
        f"{PORTAL} --site 5", f"{TELL} --site 5",
        f"{ALERTS} --sync-exit-code 1 --site 5",
        f"{FINISH} --site 5 --job sync --due-on 2026-01-19 --exit-code 1",
    ]  # fmt: skip
    assert f"no report for site 3: told by {REPORT}; do this" in ended.stderr
    assert "daily_sync ended with exit code 1" in ended.stderr


def test_a_try_in_between_tells_cron_nothing_but_the_log(tree: Tree) -> None:
    ended = run_schedule(tree, "report 3 2026-01-19 2026-01-12 quiet\n", codes={REPORT: 3})
    assert ended.returncode == 3
    assert ended.stderr.splitlines() == [f"schedule ended with exit code 3; see {tree.root}/logs/schedule.log"]
    assert any("weekly_report ended with exit code 3" in line for line in tree.log("schedule"))


@pytest.mark.parametrize("what", ["list", "claim", "finish"])
def test_without_a_database_the_schedule_says_so_once_and_ends(tree: Tree, what: str) -> None:
    environment = {name: value for name, value in tree.environment.items() if what != "list" or name != "STUB_SITES"}
    if what != "claim":
        tree.write("jobs", "sync 3 2026-01-19 2026-01-19 told\n" * 2)
    ended = replace(tree, environment=environment).run(
        "operations/run_schedule.sh", codes={FINISH: int(what == "finish")}
    )
    assert ended.returncode == 1
    assert tree.commands[-1] == ALERTS
    assert tree.commands.count(f"{VALIDATE} --site 3") == int(what == "finish")


def test_a_schedule_that_runs_already_does_what_is_due_meanwhile(tree: Tree) -> None:
    lock = tree.root / "logs" / ".schedule.lock"
    lock.parent.mkdir()
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        ended = run_schedule(tree, "sync 3 2026-01-19 2026-01-19 told\n")
    assert (ended.returncode, ended.stderr, tree.calls) == (0, "", [])
    assert "not started: another schedule is running" in tree.log("schedule")[0]


# --- setup_cron.sh ----------------------------------------------------------------------------------------------------

FOREIGN = "MAILTO=me\n\n# 100% mine\n*/5 * * * * /usr/bin/true \\% 'x'\n\n\n"


def setup_cron(tree: Tree, fake_crontab: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return tree.run("operations/setup_cron.sh", *args, PATH=f"{fake_crontab.parent}:{BARE_PATH}")


def entry(tree: Tree, minute: int = 0, times: str = "") -> str:
    folder = str(tree.root).replace("'", "'\\''").replace("%", "\\%")
    return f"{minute % 30},{minute % 30 + 30} * * * * /bin/bash '{folder}/operations/run_schedule.sh'{times}"


def test_cron_entry_is_installed_once_and_removed_without_a_trace(tree: Tree, fake_crontab: Path) -> None:
    tab = fake_crontab.with_name("tab")
    tab.write_text(FOREIGN)
    assert setup_cron(tree, fake_crontab, "--yes").returncode == 0
    assert tab.read_text().removeprefix(FOREIGN).splitlines()[1:-1] == [entry(tree)]
    assert setup_cron(tree, fake_crontab, "--yes", "--time", "05:09", "--weekly-time", "18:30").returncode == 0
    assert tab.read_text().startswith(FOREIGN)
    begin, *ours, end = tab.read_text().removeprefix(FOREIGN).splitlines()
    assert begin.startswith("# BEGIN ") and end.startswith("# END ")
    assert ours == [entry(tree, 9, " --time 05:09 --weekly-time 18:30")]
    assert setup_cron(tree, fake_crontab, "--show").stdout.splitlines() == [begin, *ours, end]
    assert setup_cron(tree, fake_crontab, "--yes", "--time", "05:10").returncode == 0
    assert entry(tree, 10, " --time 05:10 --weekly-time 18:30") in tab.read_text().splitlines()
    for _ in range(2):
        assert setup_cron(tree, fake_crontab, "--remove").returncode == 0
        assert tab.read_text() == FOREIGN


@pytest.mark.parametrize(
    ("daily", "weekly", "args", "minute", "times"),
    [
        ("0 6 * * *", "0 7 * * 1", [], 0, ""),
        ("9 5 * * *", "30 18 * * 1", [], 9, " --time 05:09 --weekly-time 18:30"),
        ("9 5 * * *", "30 18 * * 1", ["--time", "06:00"], 0, " --weekly-time 18:30"),
        ("*/30 5 * * *", "0 7 * * 1", [], 0, ""),
        ("45 5 * * *", "0 7 * * 1", [], 45, " --time 05:45"),
    ],
)
def test_entries_of_old_are_taken_over_with_their_times(
    tree: Tree, fake_crontab: Path, daily: str, weekly: str, args: list[str], minute: int, times: str
) -> None:
    tab = fake_crontab.with_name("tab")
    setup_cron(tree, fake_crontab, "--yes")
    begin, _, end = tab.read_text().splitlines()
    folder = str(tree.root).replace("'", "'\\''").replace("%", "\\%")
    old = [
        f"{daily} /bin/bash '{folder}/operations/daily_sync.sh'",
        f"{weekly} /bin/bash '{folder}/operations/weekly_report.sh'",
    ]
    tab.write_text(FOREIGN + "\n".join([begin, *old, end]) + "\n")
    assert setup_cron(tree, fake_crontab, "--yes", *args).returncode == 0
    assert tab.read_text() == FOREIGN + "\n".join([begin, entry(tree, minute, times), end]) + "\n"


def test_cron_line_does_what_is_due_as_cron_would(tree: Tree, fake_crontab: Path) -> None:
    setup_cron(tree, fake_crontab, "--yes", "--weekly-time", "07:30")
    tree.write("jobs", "sync 23271 2026-01-20 2026-01-20 told\n")
    line = next(line for line in fake_crontab.with_name("tab").read_text().splitlines() if "run_schedule" in line)
    command = line.split(maxsplit=5)[5].replace("\\%", "%")
    assert subprocess.run(["/bin/sh", "-c", command], env=tree.environment, cwd="/").returncode == 0
    claim, *others = tree.commands
    assert claim.startswith(f"{CLAIM} --wake ")
    assert claim.endswith(" --weekly-time 07:30 --sync 23271 --report 23271")
    assert others[0] == f"{INGEST} --site 23271 --days 2"


def test_user_without_a_crontab_has_none_again_after_removal(tree: Tree, fake_crontab: Path) -> None:
    assert setup_cron(tree, fake_crontab, "--yes").returncode == 0
    assert setup_cron(tree, fake_crontab, "--remove").returncode == 0
    assert not fake_crontab.with_name("tab").exists()


def test_crontab_that_cannot_be_understood_is_left_alone(tree: Tree, fake_crontab: Path) -> None:
    tab = fake_crontab.with_name("tab")
    setup_cron(tree, fake_crontab, "--yes")
    damaged = "".join(line for line in tab.read_text().splitlines(True) if "# END" not in line) + FOREIGN
    tab.write_text(damaged)
    for action in (["--yes"], ["--remove"]):
        refused = setup_cron(tree, fake_crontab, *action)
        assert refused.returncode == 1
        assert "without its END line" in refused.stderr
    fake_crontab.with_name("refuse").touch()
    refused = setup_cron(tree, fake_crontab, "--yes")
    assert refused.returncode == 1
    assert "not allowed" in refused.stderr
    assert tab.read_text() == damaged


def test_without_terminal_or_crontab_nothing_is_installed(tree: Tree, fake_crontab: Path) -> None:
    refused = setup_cron(tree, fake_crontab)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert not fake_crontab.with_name("tab").exists()
    path = python_on_path(tree.root / "bin", "exit 1")
    for tool in ("mktemp", "sed"):
        (Path(path) / tool).symlink_to(str(shutil.which(tool)))
    refused = tree.run("operations/setup_cron.sh", "--yes", PATH=path)
    assert refused.returncode == 1
    assert "there is no crontab here" in refused.stderr


@pytest.mark.parametrize(("answers", "is_installed"), [("07:05\n\ny\n", True), ("\n\nn\n", False)])
def test_on_a_terminal_it_asks(tree: Tree, fake_crontab: Path, answers: str, is_installed: bool) -> None:
    master, slave = pty.openpty()
    with os.fdopen(master, "wb", buffering=0) as terminal:
        terminal.write(answers.encode())
        asked = subprocess.run(
            tree.command("operations/setup_cron.sh"),
            env={"PATH": f"{fake_crontab.parent}:{BARE_PATH}"},
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=60,
        )
        os.close(slave)
    assert asked.returncode == 0, asked.stderr
    tab = fake_crontab.with_name("tab")
    assert tab.exists() is is_installed
    assert not is_installed or "\n5,35 * * * * " in tab.read_text()


# --- A real cron ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not HAS_CRON, reason="needs root, Debian's cron, and a user nobody without a crontab")
def test_real_cron_runs_the_sync_and_forgets_it_after_removal(synced_by_cron: tuple[Tree, datetime]) -> None:
    tree, due = synced_by_cron
    shown = setup_by_cron_user(tree, "--show")
    assert f"{due.minute % 30},{due.minute % 30 + 30} * * * * /bin/bash" in shown
    assert f"run_schedule.sh' --time {due:%H:%M}" in shown
    wait_until(lambda: bool(tree.calls), "cron wakes the schedule", seconds=130)
    wait_until((tree.root / "logs" / "daily_sync.log").exists, "the sync begins")
    wait_until(lambda: any("ended with exit code" in line for line in tree.log("daily_sync")), "the sync ends")
    setup_by_cron_user(tree, "--remove")
    assert not SPOOL.exists()


# --- setup_systemd.sh -------------------------------------------------------------------------------------------------


@pytest.fixture
def fake_systemctl(tmp_path: Path) -> Path:
    """A systemctl that writes down what it is told."""
    program = tmp_path / "systemd" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >>"{program.parent}/told"\n')
    program.chmod(0o755)
    return program


def setup_systemd(tree: Tree, systemctl: Path, *args: str) -> subprocess.CompletedProcess[str]:
    path = f"{systemctl.parent}:{BARE_PATH}"
    return tree.run("operations/setup_systemd.sh", *args, PATH=path, HOME=str(systemctl.parent))


def test_the_timer_is_installed_once_and_removed_without_a_trace(tree: Tree, fake_systemctl: Path) -> None:
    units = fake_systemctl.parent / ".config" / "systemd" / "user"
    for time_of_day in ("06:00", "05:30"):
        done = setup_systemd(tree, fake_systemctl, "--time", time_of_day)
        assert (done.returncode, done.stderr) == (0, "")
    service, timer = sorted(path.name for path in units.iterdir())
    assert timer.split("-")[2] == "run_schedule"
    assert "OnCalendar=*-*-* *:0,30:00\nPersistent=true" in (units / timer).read_text()
    (command,) = (line for line in (units / service).read_text().splitlines() if line.startswith("ExecStart="))
    assert command.endswith('/operations/run_schedule.sh" --time 05:30')
    told = (fake_systemctl.parent / "told").read_text().splitlines()
    assert told == ["--user daemon-reload", f"--user enable --now {timer}"] * 2
    assert setup_systemd(tree, fake_systemctl, "--remove").returncode == 0
    assert list(units.iterdir()) == []
    assert "Nothing to remove" in setup_systemd(tree, fake_systemctl, "--remove").stdout


def test_timers_of_old_make_room_for_the_new_one(tree: Tree, fake_systemctl: Path) -> None:
    units = fake_systemctl.parent / ".config" / "systemd" / "user"
    setup_systemd(tree, fake_systemctl)
    for path in list(units.iterdir()):
        for job in ("daily_sync", "weekly_report"):
            path.with_name(path.name.replace("run_schedule", job)).write_text("[Unit]\n")
    assert setup_systemd(tree, fake_systemctl).returncode == 0
    assert sorted(path.name.split("-")[2] for path in units.iterdir()) == ["run_schedule"] * 2
    told = (fake_systemctl.parent / "told").read_text().splitlines()
    assert [line.split("-")[6] for line in told if " disable " in line] == ["daily_sync", "weekly_report"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tree: Tree, fake_systemctl: Path) -> None:
    setup_systemd(tree, fake_systemctl)
    units = sorted((fake_systemctl.parent / ".config" / "systemd" / "user").iterdir())
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *units],
        env={"PATH": BARE_PATH, "XDG_RUNTIME_DIR": str(fake_systemctl.parent)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    complaints = [line for line in checked.stderr.splitlines() if "energy-pipeline" in line]
    assert complaints == []


def test_without_systemd_the_timers_are_refused(tree: Tree) -> None:
    path = python_on_path(tree.root / "bin", "exit 1")
    refused = tree.run("operations/setup_systemd.sh", PATH=path)
    assert refused.returncode == 1
    assert "there is no systemctl here; use operations/setup_cron.sh" in refused.stderr
