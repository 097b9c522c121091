"""Clocks that are wrong either way: no run on one of more than a day, and what one left behind is got over."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pipeline import LOGIN, SITE_ID, Service
from simulated_clock import SimulatedDatetime, replace_in_project

from govern import update_gaps as update_gaps_script
from govern.gaps.ledger import update_gaps
from ingest import backfill_gaps, import_csv, ingest_to_postgres
from ingest.eniscope.field_sets import ChannelFields
from ingest.runs.gap_windows import plan_backfill
from ingest.storage.lease import site_lease
from lib import cli, clocks, db
from lib.errors import ConfigError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

CHANNEL = 162121
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MOMENT = datetime(2026, 1, 20, 12, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Set how far this machine's clock is ahead."""
    replace_in_project(monkeypatch)
    return lambda ahead: monkeypatch.setattr(SimulatedDatetime, "ahead", ahead)


@pytest.fixture
def service(serve: Callable[..., Service], database_url: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A sandbox of the present, and the environment that leads to it."""
    service = serve(planted_weeks=[])
    for name, value in zip(("API_KEY", "EMAIL", "PASSWORD"), LOGIN, strict=True):
        monkeypatch.setenv(f"VITE_ENISCOPE_{name}", value)
    monkeypatch.setenv("VITE_ENISCOPE_API_URL", service.url)
    monkeypatch.setenv("ENISCOPE_REQUESTS_PER_SECOND", "0")
    monkeypatch.setenv("DATABASE_URL", database_url)
    return service


def run(script: Any, *arguments: str) -> int:
    return cli.run(lambda _argv=None: script.main(["--site", str(SITE_ID), *arguments]))


def ingest_now() -> int:
    return run(ingest_to_postgres, "--days", "1", "--channels", str(CHANNEL))


def last_window_end(conn: Connection) -> datetime:
    ((end,),) = db.fetch_all(conn, "SELECT max(window_end) FROM ingestion_logs WHERE channel_id <> 0")
    conn.rollback()
    assert isinstance(end, datetime)
    return end


@pytest.mark.parametrize(
    ("ahead", "is_refused"),
    [(DAY, False), (DAY + HOUR, True), (-DAY, False), (-DAY - HOUR, True), (40 * DAY, True), (-40 * DAY, True)],
)
def test_clocks_may_differ_by_a_day(ahead: timedelta, is_refused: bool) -> None:
    if not is_refused:
        return clocks.check_clocks(MOMENT + ahead, MOMENT, "the database's")
    side = "ahead of" if ahead > timedelta(0) else "behind"
    with pytest.raises(ConfigError, match=f"{abs(ahead) / DAY:.1f} days {side} the database's .*set the one"):
        clocks.check_clocks(MOMENT + ahead, MOMENT, "the database's")
    return None


@pytest.mark.parametrize("days", [40, -40])
def test_nothing_runs_on_a_clock_that_is_wrong_by_days(
    conn: Connection, service: Service, clock: Callable[[timedelta], None],
    capsys: pytest.CaptureFixture[str], days: int,
) -> None:  # fmt: skip
    clock(days * DAY)
    assert ingest_now() == 1
    told = capsys.readouterr().err.splitlines()
    side = "ahead of" if days > 0 else "behind"
    assert len(told) == 1 and f"40.0 days {side} the database's" in told[0]
    assert run(backfill_gaps) == 1
    assert run(update_gaps_script) == 1
    for table in ("ingestion_logs", "organizations", "reading_gap_scans"):
        assert db.fetch_all(conn, f"SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize("days", [40, -40])
@pytest.mark.parametrize(
    ("room", "script"),
    [
        ("analyze", "cost_model"), ("analyze", "forecast"), ("deliver", "generate_weekly_report"),
        ("deliver", "generate_monthly_summary"), ("deliver", "tell_findings"), ("deliver", "export_for_tableau"),
        ("govern", "refresh_views"),
    ],
)  # fmt: skip
def test_no_report_is_on_the_last_week_of_a_wrong_clock(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    room: str, script: str, days: int,
) -> None:  # fmt: skip
    module = importlib.import_module(f"{room}.{script}")
    monkeypatch.setenv("DATABASE_URL", database_url)
    db.execute(
        conn,
        "INSERT INTO organizations (organization_id, name, timezone, data_source)"
        " VALUES (%s, 'School', 'America/New_York', 'eniscope')",
        (SITE_ID,),
    )
    conn.commit()
    replace_in_project(monkeypatch)
    monkeypatch.setattr(SimulatedDatetime, "ahead", days * DAY)
    assert run(module) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert f"40.0 days {'ahead of' if days > 0 else 'behind'} the database's" in told


def test_import_refuses_a_wrong_clock(
    conn: Connection, service: Service, clock: Callable[[timedelta], None], tmp_path: Any
) -> None:
    path = tmp_path / "meters.csv"
    path.write_text("timestamp,energy_kwh\n2026-01-20T00:00Z,1\n2026-01-20T00:15Z,2\n2026-01-20T00:30Z,1\n")
    clock(40 * DAY)
    assert (
        cli.run(lambda _argv=None: import_csv.main(["--site", "900001", "--timezone", "America/Chicago", str(path)]))
        == 1
    )
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs") == [(0,)]


@pytest.mark.parametrize("days", [40, -40])
def test_service_tells_that_machine_and_database_are_both_wrong(
    conn: Connection, serve: Callable[..., Service], service: Service, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], days: int,
) -> None:  # fmt: skip
    elsewhere = serve(planted_weeks=[])

    @elsewhere.app.after_request
    def show_clock(response: Any) -> Any:
        response.date = datetime.now(UTC) - days * DAY
        return response

    monkeypatch.setenv("VITE_ENISCOPE_API_URL", elsewhere.url)
    assert ingest_now() == 1
    told = [line for line in capsys.readouterr().err.splitlines() if "clock" in line]
    assert len(told) == 1 and "the Eniscope service's" in told[0]
    assert db.fetch_all(conn, "SELECT status FROM ingestion_logs") == [("failed",)]  # the registration


@pytest.mark.parametrize("ahead", [20 * HOUR, -20 * HOUR])
def test_window_ends_by_the_clock_that_is_behind(
    conn: Connection, service: Service, clock: Callable[[timedelta], None], ahead: timedelta
) -> None:
    clock(ahead)
    assert ingest_now() == 0
    now = datetime.now(UTC) + min(ahead, timedelta(0))
    assert now - HOUR < last_window_end(conn) < now


def test_site_with_windows_of_the_future_recovers(conn: Connection, database_url: str, service: Service) -> None:
    assert ingest_now() == 0
    update_gaps(conn, SITE_ID, datetime.now(UTC))
    conn.commit()
    whole = db.fetch_all(conn, "SELECT channel_id, state, gap_start FROM reading_gaps")
    # What a run left behind whose machine and database were 40 days fast.
    db.execute(
        conn,
        "UPDATE ingestion_logs SET window_start = window_start + interval '40 days', window_end = window_end"
        " + interval '40 days', started_at = started_at + interval '40 days',"
        " finished_at = finished_at + interval '40 days'",
    )
    db.execute(conn, "UPDATE reading_gap_scans SET scanned_at = scanned_at + interval '40 days'")
    db.execute(conn, "UPDATE channels SET full_ask_at = full_ask_at + interval '40 days'")
    db.execute(
        conn,
        "INSERT INTO ingest_leases (organization_id, holder, taken_at, expires_at)"
        " VALUES (%s, 'nobody', now() + interval '40 days', now() + interval '40 days')",
        (SITE_ID,),
    )
    conn.commit()
    update_gaps(conn, SITE_ID, datetime.now(UTC))
    conn.commit()
    assert ingest_now() == 0
    assert last_window_end(conn) < datetime.now(UTC)
    update_gaps(conn, SITE_ID, datetime.now(UTC))
    conn.commit()
    assert db.fetch_all(conn, "SELECT channel_id, state, gap_start FROM reading_gaps") == whole
    ((until, at),) = db.fetch_all(
        conn, "SELECT ingested_until, last_ingest_at FROM v_validation_status WHERE site_id = %s", (SITE_ID,)
    )
    assert until < datetime.now(UTC) and at < datetime.now(UTC)


def test_gap_that_was_asked_for_in_the_future_is_asked_for(conn: Connection, service: Service) -> None:
    assert ingest_now() == 0
    db.execute(
        conn, "DELETE FROM readings WHERE timestamp = (SELECT max(timestamp) - interval '2 hours' FROM readings)"
    )
    now = datetime.now(UTC)
    update_gaps(conn, SITE_ID, now)
    for asked_at, count in ((now - 19 * HOUR, 0), (now - 21 * HOUR, 1), (now + 40 * DAY, 1)):
        db.execute(conn, "UPDATE reading_gaps SET last_asked_at = %s", (asked_at,))
        assert len(plan_backfill(conn, SITE_ID, now, 9).gaps) == count


def test_lease_of_the_future_holds_nobody_back(conn: Connection, database_url: str) -> None:
    db.execute(
        conn,
        "INSERT INTO ingest_leases (organization_id, holder, taken_at, expires_at)"
        " VALUES (1, 'nobody', now() + interval '2 hours', now() + interval '3 hours')",
    )
    conn.commit()
    with site_lease(database_url, 1, "test", 1):
        assert db.fetch_all(conn, "SELECT holder LIKE 'test on %%' FROM ingest_leases") == [(True,)]


@pytest.mark.parametrize(("ahead", "is_due"), [(timedelta(), False), (2 * DAY, True)])
def test_full_ask_of_the_future_is_due(ahead: timedelta, is_due: bool) -> None:
    assert ChannelFields(full_ask_at=MOMENT + ahead).is_full_ask_due(MOMENT) == is_due
