"""Locks that another session holds: no script waits without end, and each says who holds what."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from pipeline import LOGIN, SITE_ID, Service, ingest

from govern import refresh_views, setup_database, update_gaps, validate_data
from govern.schema.files import _SCHEMA_LOCK_KEY, apply_migrations
from govern.usage.refresh import lock_refresh
from ingest import backfill_gaps, ingest_to_postgres
from lib import cli, db
from lib.date_utils import Window
from lib.errors import DatabaseError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=1), NOW)
CHANNEL = 162121


@pytest.fixture
def frozen(database_url: str) -> Iterator[Connection]:
    """A session of somebody else, who may hold locks and do nothing further."""
    with closing(psycopg2.connect(database_url, application_name="psql of Ann")) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "LOCK_TIMEOUT_S", 0.5)
    monkeypatch.setattr(db, "TURN_TIMEOUT_S", 1.0)


@pytest.fixture
def service(
    conn: Connection, serve: Callable[..., Service], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Service:
    """A sandbox, a site that is ingested, and the environment that leads to both."""
    service = serve(now=NOW, planted_weeks=[])
    ingest(conn, service, WINDOW, [CHANNEL])
    for name, value in zip(("API_KEY", "EMAIL", "PASSWORD"), LOGIN, strict=True):
        monkeypatch.setenv(f"VITE_ENISCOPE_{name}", value)
    monkeypatch.setenv("VITE_ENISCOPE_API_URL", service.url)
    monkeypatch.setenv("ENISCOPE_REQUESTS_PER_SECOND", "0")
    monkeypatch.setenv("ENISCOPE_LEASE_SECONDS", "1")
    monkeypatch.setenv("DATABASE_URL", database_url)
    return service


def hold(frozen: Connection, statement: str) -> int:
    """Let the frozen session hold what a statement locks; return the id of its process."""
    db.execute(frozen, statement)
    return frozen.info.backend_pid


SITE = ["--site", str(SITE_ID)]


@pytest.mark.parametrize(
    ("script", "arguments", "statement", "table"),
    [
        (
            ingest_to_postgres,
            [*SITE, "--start", "2026-02-10"],
            "UPDATE ingestion_logs SET error = 'x'",
            "ingestion_logs",
        ),
        (ingest_to_postgres, [*SITE, "--start", "2026-02-10"], "UPDATE channels SET name = 'x'", "channels"),
        (ingest_to_postgres, [*SITE, "--start", "2026-02-10"], "LOCK TABLE readings", "readings"),
        (backfill_gaps, SITE, "LOCK TABLE reading_gaps", "reading_gaps"),
        (update_gaps, SITE, "LOCK TABLE reading_gap_scans", "reading_gap_scans"),
        (refresh_views, [], "LOCK TABLE usage_queue", "usage_queue"),
        (validate_data, SITE, "LOCK TABLE validation_runs", "validation_runs"),
        (setup_database, [], "LOCK TABLE view_definitions", "view_definitions"),
    ],
)
def test_script_tells_who_holds_what_it_waits_for(
    conn: Connection, service: Service, frozen: Connection, capsys: pytest.CaptureFixture[str],
    script: Any, arguments: list[str], statement: str, table: str,
) -> None:  # fmt: skip
    if table == "ingestion_logs":  # what a killed run left is closed by the next one
        db.execute(conn, "UPDATE ingestion_logs SET status = 'running', started_at = now() - interval '2 hours'")
    conn.commit()
    pid = hold(frozen, statement)
    assert cli.run(script.main, arguments) == 1
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert "waited 0.5 s for a lock" in told
    assert f"process {pid} ('psql of Ann' of postgres, idle in transaction since 20" in told
    assert table in told.split("holds ")[1]
    assert f"pg_terminate_backend({pid})" in told


def test_validation_waits_for_a_lock_once_and_not_at_each_check(
    conn: Connection, service: Service, frozen: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    pid = hold(frozen, "LOCK TABLE readings")
    began = time.monotonic()
    assert cli.run(validate_data.main, SITE) == 1
    assert time.monotonic() - began < 10  # of thirty checks, each would wait half a second
    told = capsys.readouterr().err
    assert "waited 0.5 s for a lock" in told and f"pg_terminate_backend({pid})" in told


def test_row_lock_is_told_by_its_table_and_not_by_others(
    service: Service, database_url: str, frozen: Connection
) -> None:
    pid = hold(frozen, "UPDATE channels SET name = 'x'; LOCK TABLE weather_fetches IN SHARE MODE")
    with (
        pytest.raises(DatabaseError, match=rf"a lock on channels; process {pid} .* holds channels; close that session"),
        db.connect(database_url) as other,
    ):
        db.execute(other, "UPDATE channels SET name = 'y'")


def test_each_transaction_has_the_limit_and_no_other_session_does(database_url: str) -> None:
    with db.connect(database_url) as conn:
        for _ in range(2):
            assert db.fetch_all(conn, "SHOW lock_timeout") == [("500ms",)]
            conn.commit()
        db.execute(conn, "SET LOCAL lock_timeout = '7s'")
        assert db.fetch_all(conn, "SHOW lock_timeout") == [("7s",)]
        conn.rollback()
    with db.connect(database_url, readonly=True) as conn:
        assert db.fetch_all(conn, "SELECT current_setting('lock_timeout'), %s || '%%'", ("x",)) == [("500ms", "x%")]


def test_url_may_say_how_long_to_wait_for_a_connection(database_url: str) -> None:
    with db.connect(f"{database_url}&connect_timeout=7&application_name=mine") as conn:
        assert db.fetch_all(conn, "SHOW application_name") == [("mine",)]


def test_turn_is_waited_for_longer_than_a_row_and_told(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with db.connect(database_url) as first, db.connect(database_url) as second:
        lock_refresh(first)
        release = threading.Timer(0.8, first.commit)  # longer than a row is waited for
        release.start()
        lock_refresh(second)
        release.join()
        assert caplog.messages == ["waiting for another refresh to end, 0.0166667 minutes at most"]
        assert db.fetch_all(second, "SHOW lock_timeout") == [("500ms",)]
        pid = second.info.backend_pid
        with (
            pytest.raises(DatabaseError, match=rf"waited 1 s for a lock on the turn of another script; process {pid} "),
            db.connect(database_url) as third,
        ):
            lock_refresh(third)


def test_setup_that_waits_at_each_migration_says_it_once(
    empty_database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        (tmp_path / f"000{number}_x.sql").write_text(f"CREATE TABLE x{number} ()")
    is_done = threading.Event()

    def take_turns() -> None:  # as another setup does, one transaction at a time
        with db.connect(empty_database_url) as other:
            while not is_done.wait(0.02):
                db.execute(other, "SELECT pg_advisory_xact_lock(%s), pg_sleep(0.1)", (_SCHEMA_LOCK_KEY,))
                other.commit()

    contender = threading.Thread(target=take_turns)
    contender.start()
    try:
        time.sleep(0.2)
        with db.connect(empty_database_url) as conn:
            assert len(apply_migrations(conn, tmp_path)) == 4
    finally:
        is_done.set()
        contender.join()
    assert caplog.messages == ["waiting for another setup of the database to end, 0.0166667 minutes at most"]


def test_own_locks_are_not_told_as_another_ones(database_url: str, conn: Connection, frozen: Connection) -> None:
    pid = hold(frozen, "LOCK TABLE channels")
    with pytest.raises(DatabaseError) as caught, db.connect(database_url) as mine:
        db.execute(mine, "LOCK TABLE devices")
        db.execute(mine, "SELECT FROM channels")
    assert str(pid) in str(caught.value) and "devices" not in str(caught.value)
