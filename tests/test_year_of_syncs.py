"""A year of nightly syncs against a service whose clock moves on: in the end every interval is accounted for.

The steps are those that ``operations/daily_sync.sh`` runs, found by running it among stubs, and the database goes by
the same clock as the scripts. The last night is the real ``daily_sync.sh``. By default the sync runs on the days around
what happens to the meters, and once a fortnight in between, when it makes up for the nights that it missed. The whole
year, night by night, takes some minutes:
``YEAR_OF_SYNCS=every-night .venv/bin/python -m pytest tests/test_year_of_syncs.py``.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import year_source as year
from pipeline import SITE_ID
from simulated_clock import (
    AHEAD_VARIABLE,
    SimulatedDatetime,
    prepare_database,
    replace_in_project,
    set_database_clock,
    write_python,
)
from wrapper_tree import ALERTS, BACKFILL, HEARTBEAT, INGEST, TELL, WEATHER, Tree, stamp_venv
from year_accounts import check_energy, check_every_interval, check_log, check_nothing_is_left_open

from govern import accept_gap
from govern.schema.files import apply_migrations, apply_views
from ingest import backfill_gaps, ingest_to_postgres
from lib import cli, db
from lib.paths import PROJECT_ROOT
from operations.sandbox.api import create_app
from operations.sandbox.replies import ServiceError
from operations.sandbox.server import serve_in_thread
from operations.sandbox.service_faults import FaultPlan

pytestmark = pytest.mark.slow

FIRST, LAST = date(2025, 3, 1), date(2026, 2, 28)
SYNC_HOUR = 6
IS_EVERY_NIGHT = os.environ.get("YEAR_OF_SYNCS") == "every-night"
QUIET_STEP_DAYS = 14
BAD_NIGHT = {"429": 0.1, "500": 0.1, "503": 0.1}
# They tell others how it went, or serve the analyses; no reading depends on them.
BESIDES = {WEATHER, TELL, ALERTS, HEARTBEAT}
ACCEPTED_ON = date(2025, 8, 13)

Steps = list[tuple[str, list[str]]]


def nights() -> Iterator[date]:
    """Yield the days on whose mornings the sync runs."""
    eventful = {date.fromisoformat(day) for day in year.SERVICE_DOWN | year.BAD_NIGHTS}
    for late in year.DELAYS:
        for moment_s in (late.start_s, late.end_s, late.arrives_s):
            if moment_s < year.NEVER:
                eventful.add(datetime.fromtimestamp(moment_s, year.TIMEZONE).date())
    quiet_for = 0
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        is_near = any(timedelta(0) <= day - other <= timedelta(days=1) for other in eventful | {FIRST, LAST})
        quiet_for += 1
        if day.isoformat() in year.SERVER_OFF or not (IS_EVERY_NIGHT or is_near or quiet_for >= QUIET_STEP_DAYS):
            continue
        quiet_for = 0
        yield day


@pytest.fixture
def database(empty_database_url: str) -> str:
    prepare_database(empty_database_url)
    with db.connect(empty_database_url) as conn:
        if db.fetch_all(conn, "SELECT current_setting('simulated.ahead', true)") != [("0.0 seconds",)]:
            pytest.skip("a pooling proxy keeps sessions, and a clock of its own is only for sessions that begin anew")
        apply_migrations(conn)
        apply_views(conn)
    return empty_database_url


@pytest.fixture
def service(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[year.YearSource, FaultPlan]]:
    """The sandbox over HTTP with the year's site, and an environment that leads to it and to the database."""

    def clock() -> datetime:
        return SimulatedDatetime.now(UTC)

    source, plan = year.YearSource(clock), FaultPlan()
    app = create_app(now=clock, source=source, faults=plan)

    @app.before_request
    def go_down() -> None:
        if clock().astimezone(year.TIMEZONE).date().isoformat() in year.SERVICE_DOWN:
            raise ServiceError(503, "Maintenance")

    @app.after_request
    def show_clock(response: Any) -> Any:
        response.date = clock()
        return response

    url, stop = serve_in_thread(app)
    environment = {
        "DATABASE_URL": database, "VITE_ENISCOPE_API_URL": url, "VITE_ENISCOPE_API_KEY": "sandbox-key",
        "VITE_ENISCOPE_EMAIL": "sandbox@example.com", "VITE_ENISCOPE_PASSWORD": "sandbox-password",
        "ENISCOPE_REQUESTS_PER_SECOND": "0", "WEATHER_API_URL": url, "WEATHER_FALLBACK_API_URL": url,
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield source, plan
    stop()


@pytest.fixture
def steps(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What daily_sync.sh runs, in this process, with the simulated clock, and without waiting between attempts."""
    assert tree.run("operations/daily_sync.sh", STUB_SITES=str(SITE_ID)).returncode == 0
    found = [(script, args) for script, args, _ in tree.calls if script not in BESIDES]
    for script, _ in found:
        importlib.import_module(module_of(script))
    for module in (ingest_to_postgres, backfill_gaps):
        monkeypatch.setattr(module, "make_client", partial(module.make_client, sleep=lambda seconds: None))
    replace_in_project(monkeypatch)
    return found


def module_of(script: str) -> str:
    return script.removesuffix(".py").replace("/", ".")


def go_to(day: date, database: str) -> None:
    """Set every clock to the morning of a day."""
    morning = datetime(day.year, day.month, day.day, SYNC_HOUR, tzinfo=year.TIMEZONE)
    SimulatedDatetime.ahead = morning - datetime.now(UTC)
    set_database_clock(database, SimulatedDatetime.ahead)


def sync(steps: Steps) -> dict[str, int]:
    """Run a night's steps, in this process; return script → the worst of its exit codes."""
    codes: dict[str, int] = {}
    for script, args in steps:
        codes[script] = max(cli.run(sys.modules[module_of(script)].main, args), codes.get(script, 0))
    return codes


def accept_a_hole() -> None:
    """Do what a person does who knows why something is missing."""
    hole = year.ACCEPTED
    span = [datetime.fromtimestamp(moment_s, UTC).isoformat() for moment_s in (hole.start_s, hole.end_s)]
    arguments = ["--channel", str(hole.channel_id), "--start", span[0], "--end", span[1]]
    assert cli.run(accept_gap.main, [*arguments, "--by", "J. Ortiz", "--reason", "panel rebuilt"]) == 0


def make_project(root: Path) -> Tree:
    """Copy what the sync needs of the project, with its Python, so that its logs and files are the test's own."""
    for room in ("config", "lib", "ingest", "govern", "analyze", "deliver", "operations"):
        shutil.copytree(PROJECT_ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__", "sites"))
    shutil.copy(PROJECT_ROOT / "requirements.txt", root)
    project = Tree(root)
    write_python(root / ".venv" / "bin" / "python")
    stamp_venv(root)
    return project


def sync_by_shell(project: Tree) -> None:
    """Run the real daily_sync.sh on the real scripts, as cron does."""
    names = [name for name in os.environ if name.startswith(("VITE_", "ENISCOPE_", "WEATHER_", "DATABASE_", "ENV_"))]
    done = project.run(
        "operations/daily_sync.sh",
        **{name: os.environ[name] for name in names},
        **{AHEAD_VARIABLE: str(SimulatedDatetime.ahead.total_seconds())},
    )
    log = project.log("daily_sync")
    assert (done.returncode, done.stderr) == (0, ""), log
    ended = [line.split(" ", 1)[1] for line in log if line.split(" ")[1] == "exit"]
    assert len(ended) == 11 and all(line.startswith("exit 0: ") for line in ended), ended


def test_year_ends_with_every_interval_accounted_for(
    service: tuple[year.YearSource, FaultPlan], database: str, steps: Steps, tmp_path: Path
) -> None:
    source, plan = service
    project = make_project(tmp_path / "the real project's 5%")
    days = list(nights())
    assert {LAST, ACCEPTED_ON} <= set(days)
    for day in days:
        go_to(day, database)
        if day == LAST:
            sync_by_shell(project)
            break
        plan.rates = BAD_NIGHT if day.isoformat() in year.BAD_NIGHTS else {}
        codes = sync(steps)
        is_down = day.isoformat() in year.SERVICE_DOWN
        assert (codes.pop(INGEST), codes.pop(BACKFILL) <= is_down) == (is_down, True), day
        assert set(codes.values()) == {0}, (day, codes)
        if day == ACCEPTED_ON:
            accept_a_hole()
    asked_until_s = year.at(f"{LAST}T05:45")
    with db.connect(database) as conn:
        check_every_interval(conn, year.at("2025-02-27"), asked_until_s)
        check_energy(conn, asked_until_s)
        check_log(conn, days, source, plan)
        check_nothing_is_left_open(conn)
