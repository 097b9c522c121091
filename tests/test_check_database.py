"""What check_database says of a sound database, and of one thing wrong at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from site_factory import SITE_ID, make_site

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.schema import database_checks
from govern.schema.database_checks import FAIL, OK, WARN, check_all, check_encryption
from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCRIPT = "govern/check_database.py"
TITLES = [
    "connection", "encryption", "schema", "writable", "partitions", "freshness", "readings", "strays", "breakers",
    "time zones", "roles", "size", "dead rows",
]  # fmt: skip


@pytest.fixture
def sound(conn: Connection) -> Connection:
    make_site(conn, datetime(2026, 2, 3, 5, tzinfo=UTC))
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    return conn


def states(conn: Connection, connection_only: bool = False) -> dict[str, tuple[str, str]]:
    health = check_all(conn, connection_only)
    conn.rollback()
    return {line.title: (line.state, line.detail) for line in health}


def test_a_sound_database_is_well_in_every_line(sound: Connection) -> None:
    found = states(sound)
    assert list(found) == TITLES
    assert {title: state for title, (state, _) in found.items() if state != OK} == {}
    assert found["partitions"][1] == "2 months of readings, 2026-01 to 2026-02"
    assert found["readings"][1] == "2 meters of 1 sites, newest 2026-02-03 04:45 UTC"
    assert list(states(sound, connection_only=True)) == TITLES[:2]


@pytest.mark.parametrize(
    "statement, title, state, words",
    [
        ("DELETE FROM schema_migrations WHERE name LIKE '0001%%'", "schema", FAIL, "missing: 0001_create_raw"),
        ("UPDATE view_definitions SET checksum = '' WHERE name = 'v_sites'", "schema", FAIL, "views differ: v_sites"),
        ("UPDATE organizations SET timezone = 'Mars/Base'", "time zones", FAIL, f"{SITE_ID} (Mars/Base)"),
        ("DELETE FROM validation_runs", "breakers", WARN, f"sites held back: {SITE_ID} outdated"),
        (
            "INSERT INTO usage_queue (channel_id, first_at, last_at, queued_at)"
            " VALUES (10, now(), now(), now() - interval '30 hours')",
            "freshness", WARN, "1 changes wait for the refresh, the oldest for 30.0 h",
        ),
        (
            "SELECT ensure_reading_partitions(now() - interval '40 days', now());"
            " INSERT INTO readings (channel_id, organization_id, timestamp, interval_s, energy_kwh, ingest_run_id)"
            f" VALUES (998, {SITE_ID}, now() - interval '32 days', 900, 1, 1),"
            f" (999, {SITE_ID}, now() - interval '30 days', 900, 1, 1), (10, 9, now() - interval '1 day', 900, 1, 1)",
            "strays", WARN, "2 of the last 31 days belong to no site, of 2 channels such as 10",
        ),
    ],
)  # fmt: skip
def test_one_thing_that_is_wrong_is_named(
    sound: Connection, statement: str, title: str, state: str, words: str
) -> None:
    db.execute(sound, statement)
    health = {line.title: line for line in check_all(sound, False)}
    sound.rollback()
    assert (health[title].state, words in health[title].detail) == (state, True), health[title]
    assert health[title].hint


def test_what_autovacuum_does_not_clear_is_named(sound: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_checks, "_MIN_ROWS_TO_JUDGE", 1)
    db.execute(sound, "CREATE TABLE churned AS SELECT generate_series(1, 100) AS number")
    db.execute(sound, "ALTER TABLE churned SET (autovacuum_enabled = off)")
    db.execute(sound, "DELETE FROM churned WHERE number > 10")
    db.execute(sound, "SELECT pg_stat_force_next_flush()")
    sound.commit()
    db.fetch_all(sound, "SELECT pg_stat_clear_snapshot()")
    state, detail = states(sound)["dead rows"]
    assert state == WARN
    assert detail.startswith("churned (90 of 100)")


def test_an_empty_database_is_asked_no_further(empty_database_url: str, run_script: Callable[..., Any]) -> None:
    done = run_script(SCRIPT, "--json", env={"DATABASE_URL": empty_database_url})
    assert done.returncode == 1
    answer = {line["title"]: line for line in json.loads(done.stdout)}
    assert list(answer) == TITLES[:4]
    assert answer["schema"]["hint"] == "run: python govern/setup_database.py"


def test_a_replica_is_not_writable(sound: Connection, database_url: str) -> None:
    with db.connect(database_url) as session:
        db.execute(session, "SET default_transaction_read_only = on")
        session.commit()
        assert states(session)["writable"] == (FAIL, "read-only")


class _Info(NamedTuple):
    host: str
    ssl_in_use: bool = False


class _Remote(NamedTuple):
    """A connection to another machine, which a test of this kind has no server for."""

    info: _Info


def test_a_remote_host_without_encryption_is_warned_of() -> None:
    line = check_encryption(_Remote(_Info("db.example.com")))  # type: ignore[arg-type]
    assert (line.state, line.detail) == (WARN, "none to a remote host")


def test_the_script_shows_no_password(run_script: Callable[..., Any]) -> None:
    done = run_script(SCRIPT, env={"DATABASE_URL": "postgresql://u:secret-word@127.0.0.1:9/energy"})
    assert done.returncode == 1
    assert "secret-word" not in done.stdout + done.stderr
