"""The first minutes of a week and of a month: what the scripts report on, and that the quick start works then."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import simulated_clock
from simulated_clock import AHEAD_VARIABLE, prepare_database, set_database_clock, write_python
from site_factory import SITE_ID, register_site, store_readings
from wrapper_tree import Tree, stamp_venv

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.schema.files import apply_migrations, apply_views
from govern.usage.refresh import refresh_views
from lib import db
from lib.date_utils import SETTLING_TIME, Window, align_down
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

pytestmark = pytest.mark.slow

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
WEEK_REPORTS = ("weekly_report", "customer_report", "asset_health", "electrical_health")


@pytest.fixture
def database(empty_database_url: str) -> Iterator[str]:
    prepare_database(empty_database_url)
    with db.connect(empty_database_url) as conn:
        if db.fetch_all(conn, "SELECT current_setting('simulated.ahead', true)") != [("0.0 seconds",)]:
            pytest.skip("a pooling proxy keeps sessions, and a clock of its own is only for sessions that begin anew")
        apply_migrations(conn)
        apply_views(conn)
    yield empty_database_url


def ingest_and_validate(conn: Connection, now: datetime, zone: ZoneInfo, days: int = 40) -> None:
    """Do what a sync at `now` does, with readings that are as an ingest finds them."""
    end = align_down(now - SETTLING_TIME, 900)
    register_site(conn, timezone=zone.key)
    store_readings(conn, Window(end - timedelta(days=days), end))
    refresh_views(conn)
    conn.commit()
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()


def run_at(now: datetime, script: str, *args: str | Path, database: str) -> subprocess.CompletedProcess[str]:
    """Run a script by clocks that show `now`, the database's too; the machine's own zone is another than the site's."""
    set_database_clock(database, now - datetime.now(UTC))
    ahead = (now - datetime.now(UTC)).total_seconds()
    return subprocess.run(
        [sys.executable, simulated_clock.__file__, str(PROJECT_ROOT / script), *map(str, args)],
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "TZ": "Asia/Tokyo", "DATABASE_URL": database,
             AHEAD_VARIABLE: str(ahead)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def site_at(now: datetime, zone: ZoneInfo, database: str) -> None:
    set_database_clock(database, now - datetime.now(UTC))
    with db.connect(database) as conn:
        ingest_and_validate(conn, now, zone)


@pytest.mark.parametrize(
    ("clock", "zone", "monday"),
    [
        ("2026-02-08 23:58", NEW_YORK, "2026-01-26"),
        ("2026-02-09 00:03", NEW_YORK, "2026-01-26"),
        ("2026-02-09 00:15", NEW_YORK, "2026-02-02"),
        ("2026-02-09 01:10", NEW_YORK, "2026-02-02"),
        ("2026-03-09 00:03", NEW_YORK, "2026-02-23"),
        ("2026-03-09 00:15", NEW_YORK, "2026-03-02"),
        ("2026-10-26 00:03", BERLIN, "2026-10-12"),
        ("2026-10-26 00:15", BERLIN, "2026-10-19"),
    ],
)
def test_weekly_report_right_after_an_ingest(
    database: str, tmp_path: Path, clock: str, zone: ZoneInfo, monday: str
) -> None:
    now, out = datetime.fromisoformat(clock).replace(tzinfo=zone), tmp_path / "report.json"
    site_at(now, zone, database)
    done = run_at(now, "deliver/generate_weekly_report.py", "--site", str(SITE_ID), "--out", out, database=database)
    assert done.returncode == 0, done.stderr
    period = json.loads(out.read_text())["metadata"]["period"]
    assert period["start"][:16] == f"{monday}T00:00"
    is_early = clock.endswith("00:03")
    assert ("can't be fully ingested yet, so this is about the week before" in done.stderr) is is_early


def test_reports_of_the_family_in_the_first_minutes_of_a_week_and_month(database: str, tmp_path: Path) -> None:
    now = datetime(2026, 6, 1, 0, 3, tzinfo=NEW_YORK)  # a Monday
    set_database_clock(database, now - datetime.now(UTC))
    with db.connect(database) as conn:
        ingest_and_validate(conn, now, NEW_YORK, days=70)
    names = {name: f"generate_{name}" for name in WEEK_REPORTS} | {"monthly_summary": "generate_monthly_summary"}
    for name, script in names.items():
        out = tmp_path / f"{name}.json"
        done = run_at(now, f"deliver/{script}.py", "--site", str(SITE_ID), "--out", out, database=database)
        assert done.returncode == 0, (name, done.stderr)
        start = json.loads(out.read_text())["metadata"]["period"]["start"]
        assert start[:16] == ("2026-04-01T00:00" if name == "monthly_summary" else "2026-05-18T00:00"), name
    record = ("govern/record_report.py", tmp_path / "weekly_report.json")
    assert run_at(now, *record, database=database).returncode == 0
    out = tmp_path / "portfolio.json"
    done = run_at(now, "deliver/generate_portfolio.py", "--reports", tmp_path, "--out", out, database=database)
    assert done.returncode == 0, done.stderr
    overview = json.loads(out.read_text())
    assert overview["metadata"]["period"]["start"][:16] == "2026-05-18T00:00"
    assert [row["status"] for row in overview["sites"]] == ["ok"]
    printed = run_at(now, "analyze/after_hours_waste.py", "--site", str(SITE_ID), database=database)
    assert "2026-05-18T04:00Z..2026-05-25T04:00Z" in printed.stdout
    export = ("deliver/export_for_tableau.py", "--site", str(SITE_ID), "--days", "7", "--out", tmp_path / "flat")
    assert run_at(now, *export, database=database).returncode == 0


def test_a_week_that_was_not_ingested_is_told_as_such_and_not_replaced_by_an_older(
    database: str, tmp_path: Path
) -> None:
    now, out = datetime(2026, 2, 9, 7, tzinfo=NEW_YORK), tmp_path / "report.json"
    site_at(now - timedelta(days=1), NEW_YORK, database)
    done = run_at(now, "deliver/generate_weekly_report.py", "--site", str(SITE_ID), "--out", out, database=database)
    assert (done.returncode, out.exists()) == (3, False)
    assert done.stderr.split(" ERROR ")[1] == (
        f"no report for site {SITE_ID}: this week isn't fully ingested yet (ingested up to 2026-02-08T11:45Z, it ends "
        f"at 2026-02-09T05:00Z); run the ingest, then python govern/validate_data.py --site {SITE_ID}\n"
    )
    month = datetime(2026, 2, 1, 7, tzinfo=NEW_YORK)
    done = run_at(month, "deliver/generate_monthly_summary.py", "--site", str(SITE_ID), "--out", out, database=database)
    assert done.returncode == 0, "January was ingested a week later"
    done = run_at(now, "deliver/export_for_tableau.py", "--site", str(SITE_ID), "--start", "2026-02-02", "--out",
                  tmp_path, database=database)  # fmt: skip
    assert (done.returncode, f"no export for site {SITE_ID}: this week isn't" in done.stderr) == (3, True)


def make_project(root: Path) -> Tree:
    """Copy what the quick start needs of the project, with a Python that goes by the simulated clock."""
    for room in ("config", "lib", "ingest", "govern", "analyze", "deliver", "operations"):
        shutil.copytree(PROJECT_ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__", "sites"))
    shutil.copy(PROJECT_ROOT / "requirements.txt", root)
    write_python(root / ".venv" / "bin" / "python")
    stamp_venv(root)
    return Tree(root)


def test_quickstart_works_in_the_first_minutes_of_monday(empty_database_url: str, tmp_path: Path) -> None:
    prepare_database(empty_database_url)
    today = datetime.now(NEW_YORK).date()
    monday = today - timedelta(days=today.weekday() + 14)
    now = datetime(monday.year, monday.month, monday.day, 0, 3, tzinfo=NEW_YORK)
    ahead = now - datetime.now(UTC)
    set_database_clock(empty_database_url, ahead)
    project = make_project(tmp_path / "project")
    project.environment[AHEAD_VARIABLE] = str(ahead.total_seconds())
    command = project.command("operations/quickstart.sh", "--days", "42")
    done = subprocess.run(
        command, env=project.environment | {"DATABASE_URL": empty_database_url, "ENV_FILE": os.devnull},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    reported = monday - timedelta(days=14)
    text = (project.root / "reports" / f"weekly_report_23271_{reported}.json").read_text(encoding="utf-8")
    assert len(text.encode()) <= 100_000  # with all that the sandbox plants; a week without comes to 72 kB
    report = json.loads(text)
    assert report["metadata"]["period"]["start"][:16] == f"{reported}T00:00"
    assert report["sections"]["quickWins"], "what the sandbox planted is in the week that is reported"
    planted = (project.root / "data" / "sandbox" / "planted_weeks").read_text().split()
    assert planted == [str(reported), str(reported + timedelta(days=7))]
