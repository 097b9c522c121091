"""The backfill asks for what is missing and nothing else, within its budget, and closes what arrived."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pipeline import LOGIN, SITE_ID, Service, ingest

from govern.gaps.ledger import update_gaps
from ingest.runs.gap_windows import plan_backfill
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=40), NOW)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHANNEL, OTHER = 162121, 162124
SCRIPT = "ingest/backfill_gaps.py"


def environment(database_url: str, api_url: str) -> dict[str, str]:
    names = ("VITE_ENISCOPE_API_KEY", "VITE_ENISCOPE_EMAIL", "VITE_ENISCOPE_PASSWORD")
    return dict(zip(names, LOGIN, strict=True)) | {
        "DATABASE_URL": database_url, "VITE_ENISCOPE_API_URL": api_url, "ENISCOPE_REQUESTS_PER_SECOND": "0",
    }  # fmt: skip


def dig(conn: Connection, channel_id: int, hole: Window) -> None:
    db.execute(
        conn, "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s", (channel_id, *hole)
    )


def derive(conn: Connection, **options: Any) -> dict[str, int]:
    """Update the ledger by the true clock, which is the log's; return state → gaps."""
    counts = update_gaps(conn, SITE_ID, datetime.now(UTC), **options)
    conn.commit()
    return {count.state: count.gaps for count in counts if count.gaps}


def forget_asks(conn: Connection) -> None:
    db.execute(conn, "UPDATE ingestion_logs SET started_at = started_at - interval '2 days'")
    db.execute(conn, "UPDATE reading_gaps SET first_asked_at = NULL, last_asked_at = NULL")
    conn.commit()


@pytest.fixture
def asked(serve: Callable[..., Service]) -> tuple[Service, list[tuple[int, Window]]]:
    """A sandbox, and what readings it is asked for."""
    service = serve(now=NOW, planted_weeks=[])
    asked: list[tuple[int, Window]] = []

    @service.app.before_request
    def note() -> None:
        from flask import request

        if "/readings/" in request.path:
            bounds = parse_qs(urlsplit(request.full_path).query)["daterange[]"]
            window = Window(*(datetime.fromtimestamp(int(moment), UTC) for moment in bounds))
            asked.append((int(request.path.rsplit("/", 1)[1]), window))

    return service, asked


def test_only_what_is_missing_is_asked_for_and_closed(
    conn: Connection, database_url: str, asked: tuple[Service, list[tuple[int, Window]]], run_script: Callable[..., Any]
) -> None:
    service, requests = asked
    ingest(conn, service, WINDOW, [CHANNEL, OTHER])
    whole = db.fetch_all(conn, "SELECT channel_id, timestamp, energy_kwh FROM readings ORDER BY 1, 2")
    single = Window(WINDOW.start + 3 * DAY, WINDOW.start + 3 * DAY + timedelta(minutes=15))
    long, end = Window(WINDOW.start + 4 * DAY, WINDOW.start + 37 * DAY), Window(NOW - 5 * HOUR, NOW)
    for channel_id, hole in ((CHANNEL, single), (CHANNEL, end), (OTHER, long)):
        dig(conn, channel_id, hole)
    assert derive(conn) == {"pending": 3}
    forget_asks(conn)
    requests.clear()
    env = environment(database_url, service.url)
    done = run_script(SCRIPT, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "site 23271: asked for 3 gaps in 4 windows; 3,189 readings arrived, 3 gaps are closed, "
        "0 are left for another run\n"
    )
    month = long.start + 30 * DAY
    assert sorted(requests) == [
        (CHANNEL, single), (CHANNEL, end), (OTHER, Window(long.start, month)), (OTHER, Window(month, long.end)),
    ]  # fmt: skip
    assert db.fetch_all(conn, "SELECT channel_id, timestamp, energy_kwh FROM readings ORDER BY 1, 2") == whole
    states = db.fetch_all(conn, "SELECT state, closed_at IS NOT NULL, reason FROM reading_gaps")
    assert states == [("refetched", True, "it arrived")] * 3
    logged = db.fetch_all(
        conn, "SELECT status, inserted FROM ingestion_logs WHERE channel_id <> 0 ORDER BY log_id DESC LIMIT 4"
    )
    assert sorted(logged) == [("done", 1), ("done", 20), ("done", 288), ("done", 2880)]
    assert derive(conn) == {"refetched": 3}
    requests.clear()
    assert "no gap is to be asked for now" in run_script(SCRIPT, env=env).stdout
    assert requests == []


def test_what_the_service_does_not_have_is_asked_for_once_a_day(
    conn: Connection, database_url: str, serve: Callable[..., Service], run_script: Callable[..., Any]
) -> None:
    # In its planted week RTU-2 has gaps: absent rows, and rows without a value.
    service = serve(now=NOW)
    ingest(conn, service, Window(NOW - 9 * DAY, NOW), [162122])
    assert derive(conn) == {"pending": 2}
    forget_asks(conn)
    env = environment(database_url, service.url)
    assert "asked for 2 gaps in 2 windows; 0 readings arrived, 0 gaps are closed" in run_script(SCRIPT, env=env).stdout
    assert derive(conn) == {"pending": 2}
    assert db.fetch_all(conn, "SELECT DISTINCT asked_count FROM reading_gaps") == [(2,)]
    assert "no gap is to be asked for now" in run_script(SCRIPT, env=env).stdout
    assert "asked for 2 gaps" in run_script(SCRIPT, "--again", env=env).stdout
    # The attempts stand in the log, though they brought nothing.
    logged = db.fetch_all(
        conn,
        "SELECT fetched, inserted, error FROM ingestion_logs WHERE channel_id = 162122 ORDER BY log_id DESC LIMIT 4",
    )
    assert sorted(logged, key=str) == [(0, 0, None), (0, 0, None), (12, 0, "12 empty"), (12, 0, "12 empty")]


def test_budget_and_days_choose_what_was_asked_longest_ago_and_is_newest(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    ingest(conn, serve(now=NOW, planted_weeks=[]), WINDOW, [CHANNEL, OTHER])
    new, old = Window(NOW - 2 * DAY, NOW - DAY), Window(WINDOW.start + DAY, WINDOW.start + 2 * DAY)
    long = Window(WINDOW.start + 3 * DAY, WINDOW.start + 36 * DAY)
    for channel_id, hole in ((CHANNEL, old), (OTHER, new), (CHANNEL, long)):
        dig(conn, channel_id, hole)
    derive(conn)
    forget_asks(conn)
    now = datetime.now(UTC)

    def plan(budget: int, **options: Any) -> tuple[list[tuple[int, Window]], int, int]:
        plan = plan_backfill(conn, SITE_ID, now, budget, **options)
        return plan.gaps, len(plan.wanted), plan.left

    assert plan(9) == ([(OTHER, new), (CHANNEL, long), (CHANNEL, old)], 4, 0)
    assert plan(2) == ([(OTHER, new), (CHANNEL, old)], 2, 1)  # the long one takes two windows
    assert plan(1) == ([(OTHER, new)], 1, 2)
    assert plan(9, days=(now - NOW).days + 2) == ([(OTHER, new)], 1, 0)
    db.execute(conn, "UPDATE reading_gaps SET last_failed_at = %s WHERE channel_id = %s", (now - DAY, OTHER))
    # Too long for the budget, but first: it is begun.
    assert plan(1) == ([(CHANNEL, long)], 1, 2)
    db.execute(conn, "UPDATE reading_gaps SET last_asked_at = %s WHERE gap_start = %s", (now - HOUR, long.start))
    assert plan(9) == ([(CHANNEL, old), (OTHER, new)], 3, 0)  # the one that failed in halves
    db.execute(conn, "UPDATE reading_gaps SET last_failed_at = %s WHERE channel_id = %s", (now - HOUR, OTHER))
    assert plan(9) == ([(CHANNEL, old)], 1, 0)
    db.execute(conn, "UPDATE reading_gaps SET last_failed_at = NULL")
    db.execute(conn, "UPDATE reading_gaps SET state = 'vendor_empty' WHERE gap_start = %s", (old.start,))
    assert plan(9) == ([(OTHER, new)], 1, 0)
    assert len(plan(9, ask_again=True)[0]) == 3
    db.execute(conn, "UPDATE channels SET is_listed = false WHERE channel_id = %s", (OTHER,))
    assert plan(9) == ([], 0, 0)


def test_failed_windows_end_with_one_and_wait_for_another_day(
    conn: Connection, database_url: str, serve: Callable[..., Service], run_script: Callable[..., Any]
) -> None:
    from operations.sandbox.service_faults import FaultPlan

    # Two windows pass, which is the first ingest; the third is refused.
    plan = FaultPlan(force=[None, None, "402"], force_path="/readings")
    service = serve(now=NOW, planted_weeks=[], faults=plan)
    ingest(conn, service, WINDOW, [CHANNEL])
    dig(conn, CHANNEL, Window(NOW - 2 * DAY, NOW - DAY))
    derive(conn)
    forget_asks(conn)
    env = environment(database_url, service.url)
    done = run_script(SCRIPT, env=env)
    assert (done.returncode, "FAILED: channels 162121" in done.stdout) == (1, True)
    assert derive(conn) == {"pending": 1}
    assert "no gap is to be asked for now" in run_script(SCRIPT, env=env).stdout
    assert run_script(SCRIPT, "--again", env=env).returncode == 0
    assert derive(conn) == {"refetched": 1}


def test_look_reads_the_months_concerned_only(conn: Connection, serve: Callable[..., Service]) -> None:
    """A nightly look at a long history touches the newest partition, by its index."""
    from govern.gaps import ledger

    service = serve(now=NOW, planted_weeks=[])
    ingest(conn, service, Window(NOW - 100 * DAY, NOW), [CHANNEL])
    derive(conn)
    db.execute(conn, "UPDATE reading_gap_scans SET scanned_at = scanned_at + interval '2 hours'")
    db.execute(conn, "UPDATE ingestion_logs SET finished_at = finished_at - interval '2 hours'")
    ingest(conn, service, Window(NOW - 2 * DAY, NOW), [CHANNEL])
    db.execute(conn, "UPDATE ingestion_logs SET finished_at = now() + interval '3 hours' WHERE run_id = 2")
    parameters = {"site_id": SITE_ID, "is_full": False, "from_installation": False}
    db.execute(conn, ledger._read("1_find_scope.sql"), parameters)
    ((first, last),) = db.fetch_all(conn, "SELECT min(look_from), max(look_until) FROM gap_scope")
    assert (first, last) == (NOW - 2 * DAY, NOW)
    query = ledger._read("2_find_missing.sql").split("ANALYZE")[0].replace("CREATE TEMP TABLE", "EXPLAIN CREATE TABLE")
    plan = "\n".join(
        line
        for (line,) in db.fetch_all(
            conn, query.replace("ON COMMIT DROP ", ""), parameters | {"first": first, "last": last}
        )
    )
    assert "readings_2026_02" in plan
    assert "readings_2026_01" not in plan and "readings_2025" not in plan
