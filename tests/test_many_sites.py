"""One command for many sites, side by side: each as alone, whatever becomes of the others or of the processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from site_crowd import OFFSET, copy_site
from site_factory import SITE_ID, make_site

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from lib import db
from lib.paths import PROJECT_ROOT
from lib.side_by_side import work_on

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCRIPT = "deliver/generate_weekly_report.py"
END = datetime(2026, 2, 9, 5, tzinfo=UTC)  # a Monday's midnight in New York
WEEK = ("--start", "2026-02-02", "--end", "2026-02-08")
SITES = [SITE_ID, SITE_ID + OFFSET, SITE_ID + 2 * OFFSET]
UNKNOWN = 99
PATIENCE_S = 60

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def three_sites(conn: Connection) -> Connection:
    """Three sites with the same ten days, validated."""
    make_site(conn, END)
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    copy_site(conn, 2)
    return conn


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the product, whose reports and notes are its own."""
    copy = tmp_path / "project"
    for room in ("analyze", "config", "deliver", "govern", "lib"):
        shutil.copytree(PROJECT_ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def start(root: Path, database_url: str) -> Start:
    """Start the script of the copy."""

    def run(*arguments: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(root), "ENV_FILE": os.devnull, "DATABASE_URL": database_url
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, str(root / SCRIPT), *WEEK, *arguments],
            env=environment, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return run


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return the exit code and what was printed on stdout and stderr."""
    printed, logged = process.communicate(timeout=2 * PATIENCE_S)
    return process.returncode, printed, logged


def read_report(root: Path, site_id: int) -> dict[str, Any]:
    """Return a site's report without what differs from one making to the next."""
    report = json.loads((root / "reports" / f"weekly_report_{site_id}_2026-02-02.json").read_text(encoding="utf-8"))
    report["metadata"].pop("generatedAt")
    return report


def notes_in(root: Path) -> list[str]:
    """Return the sites that runs have noted as done."""
    return [line for path in (root / "data" / "many_sites").glob("*.txt") for line in path.read_text().split()]


def wait_until(is_so: Callable[[], Any]) -> None:
    """Wait until something is so, within reason."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_site_gets_the_report_that_it_gets_alone(three_sites: Connection, root: Path, start: Start) -> None:
    several = ",".join(map(str, [*SITES, UNKNOWN]))
    code, printed, logged = finish(start("--sites", several, "--workers", "2"))
    assert code == 1
    assert f"ERROR site {UNKNOWN} is not in the database" in logged
    assert logged.rstrip().endswith(f"ERROR 3 of 4 sites done; 1 failed ({UNKNOWN})")
    assert {line for line in printed.splitlines() if line.endswith(".json")} == {
        str(root / "reports" / f"weekly_report_{site_id}_2026-02-02.json") for site_id in SITES
    }
    together = [read_report(root, site_id) for site_id in SITES]
    shutil.rmtree(root / "reports")
    for site_id, report in zip(SITES, together, strict=True):
        assert finish(start("--site", str(site_id)))[0] == 0
        assert read_report(root, site_id) == report
    assert [report["metadata"]["site"]["siteId"] for report in together] == SITES


def test_all_means_the_active_sites(three_sites: Connection, root: Path, start: Start) -> None:
    (root / "config" / "sites" / f"{SITES[1]}.toml").write_text("[sync]\nis_active = false\n")
    code, _, logged = finish(start("--all"))
    assert (code, logged.rstrip().split(" INFO ")[-1]) == (0, "2 of 2 sites done")
    assert {path.name for path in (root / "reports").glob("*.json")} == {
        f"weekly_report_{site_id}_2026-02-02.json" for site_id in (SITES[0], SITES[2])
    }


def test_a_site_that_is_held_back_holds_back_no_other(three_sites: Connection, root: Path, start: Start) -> None:
    db.execute(three_sites, "DELETE FROM validation_runs WHERE organization_id = %s", (SITES[0],))
    three_sites.commit()
    code, _, logged = finish(start("--all", "--workers", "1"))
    assert code == 3
    assert logged.rstrip().endswith(f"2 of 3 sites done; 1 held back ({SITES[0]})")
    assert not notes_in(root)


def test_a_killed_run_goes_on_where_it_was(three_sites: Connection, root: Path, start: Start) -> None:
    copy_site_further(three_sites)
    first = start("--all", "--workers", "2")
    wait_until(lambda: notes_in(root))
    children = [int(pid) for pid in Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()]
    assert len(children) >= 2
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=PATIENCE_S)
    done = {int(line) for line in notes_in(root)}
    assert 0 < len(done) < 12
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))

    code, printed, logged = finish(start("--all", "--workers", "2"))
    assert code == 0
    assert f"going on where a run was killed: {len(done)} of 12 sites are done (--again does all)" in logged
    assert logged.rstrip().endswith("12 of 12 sites done")
    made = {int(line.split("_")[-2]) for line in printed.splitlines() if line.endswith(".json")}
    assert len(made) == 12 - len(done)
    assert made.isdisjoint(done)
    assert not notes_in(root)


def copy_site_further(conn: Connection) -> None:
    """Make twelve of the three sites: enough that a run of them can be met while it lasts."""
    db.execute(conn, "DELETE FROM organizations WHERE organization_id > %s", (SITE_ID,))
    for table in ("channels", "channel_sites", "devices", "validation_runs", "report_runs"):
        db.execute(conn, f"DELETE FROM {table} WHERE organization_id > %s", (SITE_ID,))
    conn.commit()
    copy_site(conn, 11)


def test_what_a_killed_run_had_done_is_done_again_when_told(three_sites: Connection, root: Path, start: Start) -> None:
    several = ("--sites", ",".join(map(str, SITES)), "--workers", "1")
    first = start(*several)
    wait_until(lambda: notes_in(root))
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=PATIENCE_S)
    code, printed, logged = finish(start(*several, "--again"))
    assert (code, "going on" in logged) == (0, False)
    assert len([line for line in printed.splitlines() if line.endswith(".json")]) == 3


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("--sites", "1,2", "--out", "x.json"), "--out is for one site; leave it out, or --all and --sites"),
        (("--all", "--out=x.json"), "--out is for one site; leave it out, or --all and --sites"),
        (("--sites", "1,2", "--site", "3"), "--site is for one site; leave it out, or --all and --sites"),
        (("--all", "--sites", "1"), "--all and --sites can't both be given; leave one out"),
        (("--sites", "1,x"), "argument --sites: 'x' should be a whole number of 1 or more (see --help)"),
        (("--all", "--workers", "0"), "argument --workers: '0' should be a whole number of 1 or more (see --help)"),
        (("--all", "--htlm"), "unrecognized arguments: --htlm (see --help)"),
        ((), "one of the arguments --site --sites --all is required (see --help)"),
    ],
)
def test_arguments_that_cannot_be_meant_are_told_once(
    three_sites: Connection, start: Start, arguments: tuple[str, ...], problem: str
) -> None:
    code, _, logged = finish(start(*arguments, *(("--workers", "1") if "--htlm" in arguments else ())))
    assert code == 2
    assert logged.count(problem) == 1
    assert len(logged.splitlines()) == 1


def test_one_command_runs_once_at_a_time(three_sites: Connection, root: Path, start: Start) -> None:
    copy_site_further(three_sites)
    first = start("--all", "--workers", "1")
    wait_until(lambda: (root / "data" / "many_sites").exists() and notes_in(root))
    code, _, logged = finish(start("--all", "--workers", "1"))
    assert code == 1
    assert "deliver.generate_weekly_report is at work on these sites already; wait until it ends" in logged
    assert finish(first)[0] == 0


def end_at(fatal: int, folder: str, site_id: int) -> int:
    """End the process at one site; of the others say tenfold, and note each time."""
    with (Path(folder) / str(site_id)).open("a") as times:
        times.write("x")
    if site_id == fatal:
        os._exit(9)
    time.sleep(0.2)
    return 10 * site_id


def test_a_process_that_dies_takes_no_other_site_along(tmp_path: Path) -> None:
    ended = dict(work_on(partial(end_at, 3, str(tmp_path)), range(1, 9), 2))
    assert ended == {1: 10, 2: 20, 3: None, 4: 40, 5: 50, 6: 60, 7: 70, 8: 80}
    assert (tmp_path / "3").read_text() == "xx"  # once beside the others, and once alone
    assert sum(len(path.read_text()) for path in tmp_path.iterdir()) <= 8 + 2  # and of the others one at most twice


def where(site_id: int) -> int:
    """Return the process that a site is worked on in."""
    time.sleep(0.05)
    return os.getpid()


@pytest.mark.parametrize("workers, site_count, processes", [(1, 4, 1), (2, 4, 2), (4, 1, 1)])
def test_as_many_processes_as_workers_and_no_more_than_sites(workers: int, site_count: int, processes: int) -> None:
    ended = dict(work_on(where, range(1, site_count + 1), workers))
    assert len(ended) == site_count
    assert len(set(ended.values())) <= processes
    assert (os.getpid() in ended.values()) == (processes == 1)


def test_no_site_is_no_work() -> None:
    assert list(work_on(where, [], 2)) == []
