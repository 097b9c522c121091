"""Every fault that the sandbox knows, one by one: the ingest gets over it, and it left a line in `ingestion_logs`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest
from pipeline import SITE_ID, Service, check_against_truth, ingest

from govern.schema.files import apply_migrations
from ingest.eniscope.troubles import note_trouble
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib import db
from lib.date_utils import Window
from lib.errors import ApiError, AuthenticationError
from operations.postgres.server import ensure_database
from operations.sandbox.fault_kinds import FIELD_SETS, KINDS, LASTING
from operations.sandbox.service_faults import FaultPlan
from operations.sandbox.spoiling import APPEARED_CHANNEL_ID

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=2), NOW)
CHANNELS = [162121, 162122]
READINGS, LISTS = "/readings", "/channels"
TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def matrix_url(postgres_url: str) -> str:
    """A database for all tests here: making and dropping one for each fault would take most of the time."""
    url = ensure_database(postgres_url, "fault_matrix")
    with db.connect(url) as conn:
        apply_migrations(conn)
    return url


@pytest.fixture
def conn(matrix_url: str) -> Iterator[Connection]:
    """A connection to that database, emptied."""
    with db.connect(matrix_url) as connection:
        tables = (
            "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        kept = " AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_migrations'"
        ((names,),) = db.fetch_all(connection, tables + kept)
        db.execute(connection, f"TRUNCATE {names}")
        connection.commit()
        yield connection


class Expected(NamedTuple):
    """Which request a fault is put upon, what is logged of it, and how the attempt that meets it ends."""

    path: str
    trouble: str
    status: str = "done"
    retries: int = 1
    is_cured: bool = False  # within the run, though the attempt failed


def refusal(status: int, reason: str, *, is_cured: bool = False) -> Expected:
    return Expected(READINGS, f"HTTP {status} {reason}", "failed", 0, is_cured)


EXPECTED = {
    "402": refusal(402, "Subscription Expired"),
    "403": refusal(403, "Forbidden"),
    "409": refusal(409, "Conflict", is_cured=True),
    "412": refusal(412, "Precondition Failed", is_cured=True),
    "429": Expected(READINGS, "HTTP 429 Too Many Requests"),
    "429_retry_after": Expected(READINGS, "HTTP 429 Too Many Requests"),
    "429_burst": Expected(READINGS, "HTTP 429 Too Many Requests", retries=2),
    "429_retry_after_burst": Expected(READINGS, "HTTP 429 Too Many Requests", retries=2),
    "500": Expected(READINGS, "HTTP 500 Internal Server Error"),
    "502": Expected(READINGS, "HTTP 502 Bad Gateway"),
    "503": Expected(READINGS, "HTTP 503 Service Unavailable"),
    "5xx_burst": Expected(READINGS, "HTTP 500 Internal Server Error", retries=2),
    "hang": Expected(READINGS, "time-out"),
    "stall": Expected(READINGS, "time-out"),
    "drip": Expected(READINGS, "time-out"),
    "truncated": Expected(READINGS, "the body was cut off or garbled"),
    "gzip": Expected(READINGS, "the body was cut off or garbled"),
    "html": Expected(READINGS, "the body is not JSON"),
    "wrong_type": Expected(READINGS, "JSON under the content type text/html", retries=0),
    "wrong_clock": Expected(READINGS, "the service's clock is 7 min behind ours", retries=0),
    "expired_token": Expected(READINGS, "HTTP 419 Authentication Timeout"),
    "refused_token": Expected(READINGS, "HTTP 401 Unknown Token"),
    "page_count": Expected(LISTS, "the list of channels changed while it was read", retries=0),
    "channel_vanishes": Expected(LISTS, "a channel is listed no longer", retries=0),
    "channel_appears": Expected(LISTS, "a channel is new", retries=0),
    "channel_gone": refusal(404, "Not found – channel"),
    "strings": Expected(READINGS, "numbers came as strings", retries=0),
    "no_ts": Expected(READINGS, "records without a time", retries=0),
    "duplicates": Expected(READINGS, "records came twice", retries=0),
    "disorder": Expected(READINGS, "records out of order", retries=0),
    "coarse": Expected(READINGS, "came at 1800 s, not 900 s", retries=0),
}


def test_every_fault_that_comes_and_goes_is_here() -> None:
    # A refused set of fields leaves values out; its tests are those of the fields.
    assert set(EXPECTED) == {name for name, kind in KINDS.items() if kind.scope not in (LASTING, FIELD_SETS)}


@pytest.mark.parametrize("kind", EXPECTED)
def test_fault_is_got_over_and_leaves_a_line(conn: Connection, serve: Callable[..., Service], kind: str) -> None:
    expected = EXPECTED[kind]
    register(conn, serve(now=NOW, planted_weeks=[]).client, SITE_ID)  # the site is known
    db.execute(conn, "TRUNCATE ingestion_logs")
    conn.commit()
    plan = FaultPlan(force=[kind], force_path=expected.path, hang_s=2 * TIMEOUT_S)
    timeout_s = TIMEOUT_S if expected.trouble == "time-out" else 10
    service = serve(now=NOW, planted_weeks=[], faults=plan, timeout_s=timeout_s, total_timeout_s=2 * timeout_s)
    summary = ingest(conn, service, WINDOW, CHANNELS)
    assert plan.counts[kind] == 1
    assert len(summary.failed) == (expected.status == "failed" and not expected.is_cured)
    is_list = expected.path == LISTS
    attempts = db.fetch_all(
        conn,
        "SELECT status, retries, (troubles ->> %(what)s)::integer FROM ingestion_logs"
        " WHERE troubles ? %(what)s AND (channel_id = 0) = %(is_list)s",
        {"what": expected.trouble, "is_list": is_list},
    )
    assert (expected.status, expected.retries) in [attempt[:2] for attempt in attempts]
    # Of a burst, and of a token that both bear, the two channels may each have met a part.
    if "burst" not in kind and "token" not in kind:
        assert [count for *_, count in attempts] == [1]
    # One more run makes the readings and the list of channels whole.
    assert ingest(conn, service, WINDOW, CHANNELS).failed == []
    assert check_against_truth(conn, service, WINDOW, CHANNELS) == 2 * 2 * 96
    unlisted = db.fetch_all(conn, "SELECT channel_id FROM channels WHERE NOT is_listed")
    assert unlisted == ([(APPEARED_CHANNEL_ID,)] if kind == "channel_appears" else [])


def test_appeared_channel_fails_by_name_and_the_others_go_on(conn: Connection, serve: Callable[..., Service]) -> None:
    plan = FaultPlan(force=["channel_appears"], force_path=LISTS)
    service = serve(now=NOW, planted_weeks=[], faults=plan)
    assert ingest(conn, service, WINDOW).failed == [APPEARED_CHANNEL_ID]
    ((error,),) = db.fetch_all(conn, "SELECT error FROM ingestion_logs WHERE status = 'failed'")
    assert f"channel {APPEARED_CHANNEL_ID}" in error
    assert check_against_truth(conn, service, WINDOW) == 17 * 2 * 96


def test_virtual_channel_is_marked_and_asked_no_more_in_the_run(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    plan = FaultPlan({"virtual_channel": 1.0})
    service = serve(now=NOW, planted_weeks=[], faults=plan)
    summary = ingest(conn, service, Window(NOW - timedelta(days=40), NOW), [162121, 180900])
    assert (summary.unsupported, summary.failed) == ([180900], [])
    status, troubles = db.fetch_all(conn, "SELECT status, troubles FROM ingestion_logs WHERE channel_id = 180900")[0]
    assert status == "unsupported"
    assert set(troubles) == {"HTTP 500 Invalid Parameter"}


def test_negative_energy_of_a_counter_reset_is_kept_out(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, planted_weeks=[], faults=FaultPlan({"counter_reset": 1.0}))
    summary = ingest(conn, service, Window(NOW - timedelta(days=11), NOW), [162123])
    assert summary.failed == []
    assert db.fetch_all(conn, "SELECT count(*) FROM readings WHERE energy_kwh < 0") == [(0,)]
    ((rejected, why),) = db.fetch_all(conn, "SELECT rejected, error FROM ingestion_logs WHERE channel_id = 162123")
    assert (rejected, why) == (1, "1 negative_energy")


def test_doubled_hour_of_autumn_is_stored_as_it_was_reported(conn: Connection, serve: Callable[..., Service]) -> None:
    after = datetime(2025, 11, 3, 15, tzinfo=UTC)
    window = Window(after - timedelta(days=2), after)
    service = serve(now=after, planted_weeks=[], faults=FaultPlan({"autumn_doubling": 1.0}))
    ingest(conn, service, window, [162121])
    rows = db.fetch_all(
        conn,
        "SELECT extract(hour FROM timestamp AT TIME ZONE 'UTC')::int, count(*) FROM readings"
        " WHERE timestamp >= '2025-11-02 04:00Z' AND timestamp < '2025-11-02 08:00Z' GROUP BY 1 ORDER BY 1",
    )
    assert rows == [(4, 4), (5, 4), (7, 4)]  # 06:00 UTC, the second pass of one o'clock, has nothing


def test_what_an_interrupted_attempt_met_is_logged_too(
    conn: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(now=NOW, planted_weeks=[]).client
    site = register(conn, client, SITE_ID, CHANNELS)
    met, stopped = threading.Event(), threading.Event()

    def get_readings(channel_id: int, *_: object) -> None:
        if channel_id == CHANNELS[0]:
            assert met.wait(10)
            raise AuthenticationError("the login is refused")
        note_trouble("HTTP 503 Busy")
        met.set()
        assert stopped.wait(10)
        raise ApiError("stopped")

    def get_organization(_: int) -> None:
        raise AuthenticationError("the login is refused")

    monkeypatch.setattr(client, "get_readings", get_readings)
    monkeypatch.setattr(client, "get_organization", get_organization)
    monkeypatch.setattr(client, "stop", stopped.set)
    with pytest.raises(AuthenticationError):
        ingest_readings(conn, client, site, WINDOW, 900, workers=2)
    rows = "SELECT channel_id, status, troubles FROM ingestion_logs WHERE channel_id <> 0 ORDER BY 1"
    assert db.fetch_all(conn, rows) == [
        (CHANNELS[0], "failed", None),
        (CHANNELS[1], "interrupted", {"HTTP 503 Busy": 1}),
    ]
